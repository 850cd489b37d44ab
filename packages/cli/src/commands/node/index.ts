import type { Node } from '@lanyard/api'
import type { ApiClient } from '../../client/client.ts'
import { CONNECTION, connect } from '../../client/connection.ts'
import { command, list as listOption, type Outcome, required, text } from '../../command.ts'
import { card, visible } from '../../layout.ts'
import { listing, NO_REPLY, PAGE } from '../../listing.ts'
import { Misuse } from '../../problem.ts'

const NODE = { name: 'NODE', about: 'Its name or its id, as `node list` shows them' } as const

/** The id of a node from what was written. Throws {@link Misuse} where two nodes of different tenants have this name. */
async function idOf(written: string, api: ApiClient): Promise<string> {
  // An id is never taken for a name: who names nodes must not choose which one is banned.
  if (/^[0-9a-f]{32}$/.test(written)) return written
  const { items } = await api.call('GET /v1/nodes', { query: { name: written, limit: 3 } })
  if (items.length < 2) return items[0]?.node ?? written
  throw new Misuse(`several nodes are called ${written}: give the id, ${items.map(({ node }) => node).join(' or ')}`)
}

const shown = (node: Node): Outcome => ({
  json: node,
  text: paint =>
    card(
      [
        ['node', `${node.name} (${node.node})`],
        ['id', node.spiffe_id],
        ['serves', node.tenant ?? 'every tenant'],
        ['groups', node.groups.join(' ') || null],
        ['state', node.state],
        ['proved', `${node.method}, ${node.attested_at}`],
        ['key', node.key_thumbprint],
        [
          'renewed',
          `${node.renewed_at}, ${Date.parse(node.not_after) > 0 ? `until ${node.not_after}` : 'and must attest again'}`,
        ],
        ...(node.banned_at === null ? [] : [['banned', `${node.banned_at}: ${node.ban_reason}`] as const]),
      ],
      paint,
    ),
})

const listAll = command({
  name: 'node list',
  summary: 'List nodes: the machines whose daemons fetch identities for workloads.',
  operands: [],
  options: {
    tenant: text('TENANT', 'Only those that serve this tenant alone'),
    name: text('NAME', 'Only of this name'),
    ...PAGE,
    ...CONNECTION,
  },
  examples: [{ line: 'lanyard node list', does: 'All nodes, with their groups and when they last renewed.' }],
  wraps: 'GET /v1/nodes',
  run: async ({ options: { tenant, name, limit, cursor, ...options }, io }) => {
    const api = await connect(options, io)
    const reply = await api.call('GET /v1/nodes', { query: { tenant, name, limit, cursor } })
    return listing(reply, ['NODE', 'NAME', 'TENANT', 'GROUPS', 'STATE', 'RENEWED'], node => [
      node.node,
      node.name,
      node.tenant,
      node.groups.join(' '),
      node.state,
      node.renewed_at,
    ])
  },
})

const show = command({
  name: 'node show',
  summary: 'Show one node.',
  operands: [NODE],
  options: CONNECTION,
  examples: [{ line: 'lanyard node show web-1', does: 'How it proved itself, its groups and its key.' }],
  wraps: 'GET /v1/nodes/{node}',
  run: async ({ operands: [written = ''], options, io }) => {
    const api = await connect(options, io)
    const node = await idOf(written, api)
    return shown(await api.call('GET /v1/nodes/{node}', { params: { node } }))
  },
})

const group = command({
  name: 'node group',
  summary: 'Put a node in other groups: the entries of those groups are served there at once.',
  about: 'The groups that are given replace all that it is in; none takes it out of all.',
  operands: [NODE],
  options: { group: listOption('GROUP', 'A group that it is in'), ...CONNECTION },
  examples: [
    { line: 'lanyard node group web-1 --group prod --group eu', does: 'It is in these two from now on.' },
    { line: 'lanyard node group web-1', does: 'It is in none.' },
  ],
  wraps: 'PATCH /v1/nodes/{node}',
  run: async ({ operands: [written = ''], options: { group = [], ...options }, io }) => {
    const api = await connect(options, io)
    const node = await idOf(written, api)
    return shown(await api.call('PATCH /v1/nodes/{node}', { params: { node }, body: { groups: [...group] } }))
  },
})

const ban = command({
  name: 'node ban',
  summary: 'Cut a node off at once, with all identities that it got for its workloads; it may not come back.',
  operands: [NODE],
  options: { reason: required(text('TEXT', 'Why, for the events')), ...CONNECTION },
  examples: [
    {
      line: 'lanyard node ban web-1 --reason "host taken over"',
      does: 'Its workloads lose their identities.',
    },
  ],
  wraps: 'POST /v1/nodes/{node}/ban',
  run: async ({ operands: [written = ''], options: { reason, ...options }, io }) => {
    const api = await connect(options, io)
    const node = await idOf(written, api)
    return shown(await api.call('POST /v1/nodes/{node}/ban', { params: { node }, body: { reason } }))
  },
})

const unban = command({
  name: 'node unban',
  summary: 'Lift a ban; the node must attest again.',
  operands: [NODE],
  options: CONNECTION,
  examples: [{ line: 'lanyard node unban web-1', does: 'It may prove itself anew; nothing old revives.' }],
  wraps: 'POST /v1/nodes/{node}/unban',
  run: async ({ operands: [written = ''], options, io }) => {
    const api = await connect(options, io)
    const node = await idOf(written, api)
    return shown(await api.call('POST /v1/nodes/{node}/unban', { params: { node } }))
  },
})

const remove = command({
  name: 'node remove',
  summary: 'Remove a node, with all identities that it got for its workloads; it may attest again.',
  operands: [NODE],
  options: CONNECTION,
  examples: [{ line: 'lanyard node remove web-1', does: 'For a machine that is no more.' }],
  wraps: 'DELETE /v1/nodes/{node}',
  run: async ({ operands: [written = ''], options, io }) => {
    const api = await connect(options, io)
    const node = await idOf(written, api)
    await api.call('DELETE /v1/nodes/{node}', { params: { node } })
    return { json: NO_REPLY, text: paint => `${paint.good('removed')} ${visible(written)}` }
  },
})

export const nodeCommands = [listAll, show, group, ban, unban, remove]
