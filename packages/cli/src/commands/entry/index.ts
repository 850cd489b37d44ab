import { CONNECTION, connect } from '../../client/connection.ts'
import { command, number, text } from '../../command.ts'
import { listing, NO_REPLY, PAGE } from '../../listing.ts'
import { Misuse } from '../../problem.ts'
import { DESCRIBED, describedBy, UNSET, unsetBy, WHOSE, whoseBy } from './described.ts'
import { explain } from './explain.ts'
import { importEntries } from './import.ts'
import { shown } from './show.ts'

const ENTRY = { name: 'ENTRY', about: 'Its id, as `entry list` shows it' } as const

const create = command({
  name: 'entry create',
  summary: 'Register which processes on which nodes are an agent.',
  about:
    'Only a launched main process gets the identity: what `lanyard run` started, the main process of a systemd unit, or\nthe init of a container. With --children every process that matches gets it, a shell that the agent spawned included.',
  operands: [WHOSE],
  options: { ...DESCRIBED, ...CONNECTION },
  examples: [
    {
      line: 'lanyard entry create acme/invoice --selector unix:uid:1001 --selector unix:path:/usr/bin/node',
      does: 'Node under uid 1001, launched as the main process, on any node of the tenant.',
    },
    {
      line: 'lanyard entry create acme/invoice --selector docker:label:app:invoice --parent group:prod --replicas 3',
      does: 'Containers with a label, on the nodes of a group.',
    },
  ],
  wraps: 'POST /v1/entries',
  run: async ({ operands: [whose = ''], options, io }) => {
    const { selectors = [], ...rest } = describedBy(options)
    if (selectors.length === 0) throw new Misuse('--selector is missing: without one any process would be the agent')
    const body = { ...whoseBy(whose), ...rest, selectors }
    const api = await connect(options, io)
    return shown(await api.call('POST /v1/entries', { body }))
  },
})

const listAll = command({
  name: 'entry list',
  summary: 'List registration entries, oldest first.',
  operands: [],
  options: {
    tenant: text('TENANT', 'Only of this tenant'),
    agent: text('AGENT', 'Only of this agent; needs --tenant'),
    parent: text('PARENT', 'Only for this node:NAME or group:NAME'),
    selector: text('SELECTOR', 'Only with this selector'),
    ...PAGE,
    ...CONNECTION,
  },
  examples: [
    { line: 'lanyard entry list --tenant acme', does: 'The entries of acme.' },
    { line: 'lanyard entry list --selector unix:uid:1001', does: 'What a process under this uid could be.' },
  ],
  wraps: 'GET /v1/entries',
  run: async ({ options: { tenant, agent, parent, selector, limit, cursor, ...options }, io }) => {
    const api = await connect(options, io)
    const reply = await api.call('GET /v1/entries', { query: { tenant, agent, parent, selector, limit, cursor } })
    return listing(reply, ['ENTRY', 'AGENT', 'WHERE', 'WHO', 'SELECTORS'], entry => [
      entry.id,
      `${entry.tenant}/${entry.agent}`,
      entry.parent,
      entry.children ? 'children' : `main ×${entry.replicas}`,
      entry.selectors.join(' '),
    ])
  },
})

const show = command({
  name: 'entry show',
  summary: 'Show one registration entry.',
  operands: [ENTRY],
  options: CONNECTION,
  examples: [{ line: 'lanyard entry show 0f8c2d1e9b7a4635', does: 'Its selectors, lives and where it is served.' }],
  wraps: 'GET /v1/entries/{id}',
  run: async ({ operands: [id = ''], options, io }) => {
    const api = await connect(options, io)
    return shown(await api.call('GET /v1/entries/{id}', { params: { id } }))
  },
})

const update = command({
  name: 'entry update',
  summary: 'Change a registration entry. Nodes act on it at once.',
  about: 'Selectors, DNS names and trust domains that are given replace all that it has.',
  operands: [ENTRY],
  options: {
    ...DESCRIBED,
    ...UNSET,
    revision: number('N', 'Only if this is still its revision'),
    ...CONNECTION,
  },
  examples: [
    { line: 'lanyard entry update 0f8c2d1e9b7a4635 --x509-ttl 120', does: 'Its next certificates live two minutes.' },
    {
      line: 'lanyard entry update 0f8c2d1e9b7a4635 --unset parent --revision 3',
      does: 'Serves it on every node of the tenant, unless somebody changed it meanwhile.',
    },
  ],
  wraps: 'PATCH /v1/entries/{id}',
  run: async ({ operands: [id = ''], options, io }) => {
    const body = { ...describedBy(options), ...unsetBy(options) }
    if (Object.keys(body).length === 0) throw new Misuse('nothing to change: give at least one option')
    const { revision } = options
    const api = await connect(options, io)
    const change = { ...body, ...(revision !== undefined && { revision }) }
    return shown(await api.call('PATCH /v1/entries/{id}', { params: { id }, body: change }))
  },
})

const remove = command({
  name: 'entry delete',
  summary: 'Delete a registration entry: nodes withdraw at once what they hold by it.',
  operands: [ENTRY],
  options: CONNECTION,
  examples: [{ line: 'lanyard entry delete 0f8c2d1e9b7a4635', does: 'No process gets this identity any more.' }],
  wraps: 'DELETE /v1/entries/{id}',
  run: async ({ operands: [id = ''], options, io }) => {
    const api = await connect(options, io)
    await api.call('DELETE /v1/entries/{id}', { params: { id } })
    return { json: NO_REPLY, text: paint => `${paint.good('deleted')} ${id}` }
  },
})

export const entryCommands = [create, listAll, show, update, remove, importEntries, explain]
