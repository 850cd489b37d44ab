import { resolve } from 'node:path'
import type { Agent } from '@lanyard/api'
import { CONNECTION, connect } from '../client/connection.ts'
import { choice, command, list, type Outcome, text } from '../command.ts'
import { defined } from '../defined.ts'
import { writeFiles } from '../files.ts'
import { card, duration } from '../layout.ts'
import { listing, NO_REPLY, PAGE } from '../listing.ts'
import { Misuse } from '../problem.ts'
import { LIFECYCLES, TIERS } from './choices.ts'

const WHO = [
  { name: 'TENANT', about: 'Name of its tenant' },
  { name: 'AGENT', about: 'Name of the agent' },
] as const

const DESCRIBED = {
  tier: choice(TIERS, 'Reputation; decides how long its certificates live: 600, 420, 300, 180 or 60 s'),
  owner: text('TEXT', 'Who answers for it'),
  description: text('TEXT', 'What it is for'),
  label: list('NAME=VALUE', 'A label; those that are given replace all that it has'),
} as const

interface Described {
  readonly tier?: Agent['tier'] | undefined
  readonly owner?: string | undefined
  readonly description?: string | undefined
  readonly label?: readonly string[] | undefined
}

const changesOf = ({ tier, owner, description, label }: Described) =>
  defined({ tier, owner, description, labels: label && Object.fromEntries(label.map(parseLabel)) })

function parseLabel(written: string): [string, string] {
  const at = written.indexOf('=')
  if (at < 1) throw new Misuse(`--label: expected NAME=VALUE, got ${JSON.stringify(written)}`)
  return [written.slice(0, at), written.slice(at + 1)]
}

const shown = (agent: Agent): Outcome => ({
  json: agent,
  text: paint => {
    const labels = Object.entries(agent.labels).map(([name, value]) => `${name}=${value}`)
    return card(
      [
        ['agent', `${agent.tenant}/${agent.agent}`],
        ['id', agent.spiffe_id],
        ['tier', agent.tier],
        ['lifecycle', `${agent.lifecycle}, incarnation ${agent.incarnation}`],
        ['owner', agent.owner || null],
        ['about', agent.description || null],
        ['labels', labels.join(' ') || null],
        ['from', `${agent.identity_provenance}, ${agent.created_at}`],
        ...(agent.external_subject === null ? [] : [['there', agent.external_subject] as const]),
      ],
      paint,
    )
  },
})

const create = command({
  name: 'agent create',
  summary: 'Register an agent.',
  operands: WHO,
  options: { ...DESCRIBED, ...CONNECTION },
  examples: [
    { line: 'lanyard agent create acme planner', does: 'An agent of the silver tier: certificates of five minutes.' },
    {
      line: 'lanyard agent create acme billing --tier gold --owner payments@acme.example --label env=prod',
      does: 'With a tier, an owner and a label.',
    },
  ],
  wraps: 'POST /v1/agents',
  run: async ({ operands: [tenant = '', agent = ''], options, io }) => {
    const body = { tenant, agent, ...changesOf(options) }
    const api = await connect(options, io)
    return shown(await api.call('POST /v1/agents', { body }))
  },
})

const token = command({
  name: 'agent token',
  summary: 'Mint an agent token: what an agent gets its first certificate with.',
  about:
    'Good for 15 minutes, for the first key that comes with it. Hand it to one process alone: a second one is refused.\nStandard output holds the token and nothing else.',
  operands: WHO,
  options: {
    jkt: text('THUMBPRINT', 'Bind it to this key at once: RFC 7638, SHA-256, base64url'),
    out: text('FILE', 'Write the token there (0600) and do not show it'),
    ...CONNECTION,
  },
  examples: [
    {
      line: 'lanyard agent token acme planner --out planner.token',
      does: 'For an agent that finds it by LANYARD_TOKEN_FILE=planner.token.',
    },
    { line: 'lanyard agent token acme planner --json', does: 'With the SPIFFE ID and the seconds that it lasts.' },
  ],
  wraps: 'POST /v1/agent/bootstrap',
  run: async ({ operands: [tenant = '', agent = ''], options: { jkt, out, ...options }, io, note }) => {
    const api = await connect(options, io)
    const reply = await api.call('POST /v1/agent/bootstrap', { body: { tenant, agent, ...defined({ jkt }) } })
    const { token: minted, ...rest } = reply
    const file = out === undefined ? null : resolve(io.cwd, out)
    if (file !== null) writeFiles([{ path: file, content: `${minted}\n`, mode: 0o600 }])
    note(`${file ?? 'token'}: one key of ${reply.spiffe_id}, within ${duration(reply.expires_in)}`)
    return { json: file === null ? reply : { ...rest, token_file: file }, text: file === null ? minted : '' }
  },
})

/** A list of none, because of a typing error, would say that nobody came from there. */
function refuseNoProvenance(written: string | undefined): void {
  if (written === undefined || written === 'internal' || /^federated:https:\/\/./.test(written)) return
  throw new Misuse(`--provenance: expected internal or federated:https://…, got ${JSON.stringify(written)}`, written, [
    'internal',
  ])
}

const listAll = command({
  name: 'agent list',
  summary: 'List agents.',
  operands: [],
  options: {
    tenant: text('TENANT', 'Only of this tenant'),
    lifecycle: choice(LIFECYCLES, 'Only in this lifecycle'),
    tier: choice(TIERS, 'Only of this tier'),
    provenance: text('TEXT', 'Only with this provenance: `internal`, or `federated:` and an issuer'),
    ...PAGE,
    ...CONNECTION,
  },
  examples: [
    { line: 'lanyard agent list --tenant acme', does: 'The agents of acme, by name.' },
    { line: 'lanyard agent list --lifecycle quarantined', does: 'Who has lost its identity.' },
    {
      line: 'lanyard agent list --provenance federated:https://login.example.com',
      does: 'Whom this identity provider has brought.',
    },
  ],
  wraps: 'GET /v1/agents',
  run: async ({ options: { tenant, lifecycle, tier, provenance, limit, cursor, ...options }, io }) => {
    refuseNoProvenance(provenance)
    const api = await connect(options, io)
    const query = { tenant, lifecycle, tier, provenance, limit, cursor }
    const reply = await api.call('GET /v1/agents', { query })
    // Whoever asks whom a provider has brought wants to know as whom.
    const isFederated = provenance?.startsWith('federated:') === true
    const titles = ['TENANT', 'AGENT', 'TIER', 'LIFECYCLE', 'ID', ...(isFederated ? ['SUBJECT'] : [])]
    return listing(reply, titles, agent => [
      agent.tenant,
      agent.agent,
      agent.tier,
      agent.lifecycle,
      agent.spiffe_id,
      ...(isFederated ? [agent.external_subject ?? ''] : []),
    ])
  },
})

const show = command({
  name: 'agent show',
  summary: 'Show an agent.',
  operands: WHO,
  options: CONNECTION,
  examples: [{ line: 'lanyard agent show acme planner', does: 'Its SPIFFE ID, tier and lifecycle.' }],
  wraps: 'GET /v1/agents/{tenant}/{agent}',
  run: async ({ operands: [tenant = '', agent = ''], options, io }) => {
    const api = await connect(options, io)
    return shown(await api.call('GET /v1/agents/{tenant}/{agent}', { params: { tenant, agent } }))
  },
})

const set = command({
  name: 'agent set',
  summary: 'Change an agent.',
  operands: WHO,
  options: {
    ...DESCRIBED,
    lifecycle: choice(LIFECYCLES, 'Its lifecycle; only `agent reinstate` leads out of quarantined'),
    ...CONNECTION,
  },
  examples: [
    { line: 'lanyard agent set acme planner --tier bronze', does: 'Its next certificates live 180 seconds.' },
    { line: 'lanyard agent set acme planner --lifecycle degraded', does: 'Says that it does not work as it should.' },
  ],
  wraps: 'PATCH /v1/agents/{tenant}/{agent}',
  run: async ({ operands: [tenant = '', agent = ''], options, io }) => {
    const body = { ...changesOf(options), ...defined({ lifecycle: options.lifecycle }) }
    if (Object.keys(body).length === 0) throw new Misuse('nothing to change: give at least one option')
    const api = await connect(options, io)
    return shown(await api.call('PATCH /v1/agents/{tenant}/{agent}', { params: { tenant, agent }, body }))
  },
})

const quarantine = command({
  name: 'agent quarantine',
  summary: 'Take the identity of an agent away until it is reinstated.',
  about:
    'Its certificates are revoked, it gets no new ones by any way, and enforcement points are told. `lanyard kill` does the\nsame with an incident, a snapshot and a receipt.',
  operands: WHO,
  options: CONNECTION,
  examples: [{ line: 'lanyard agent quarantine acme planner', does: 'It renews nothing from now on.' }],
  wraps: 'PATCH /v1/agents/{tenant}/{agent}',
  run: async ({ operands: [tenant = '', agent = ''], options, io }) => {
    const api = await connect(options, io)
    const change = { params: { tenant, agent }, body: { lifecycle: 'quarantined' } } as const
    return shown(await api.call('PATCH /v1/agents/{tenant}/{agent}', change))
  },
})

const reinstate = command({
  name: 'agent reinstate',
  summary: 'Let a quarantined agent bootstrap again, in its next incarnation. Nothing old revives.',
  operands: WHO,
  options: { reason: text('TEXT', 'Why, for the events'), ...CONNECTION },
  examples: [{ line: 'lanyard agent reinstate acme planner --reason "false alarm"', does: 'It may bootstrap again.' }],
  wraps: 'POST /v1/agents/{tenant}/{agent}/reinstate',
  run: async ({ operands: [tenant = '', agent = ''], options: { reason, ...options }, io }) => {
    const api = await connect(options, io)
    const body = defined({ reason })
    return shown(await api.call('POST /v1/agents/{tenant}/{agent}/reinstate', { params: { tenant, agent }, body }))
  },
})

const retire = command({
  name: 'agent retire',
  summary: 'Retire an agent for ever. Its name never returns.',
  operands: WHO,
  options: CONNECTION,
  examples: [{ line: 'lanyard agent retire acme planner', does: 'The end of this agent, not of its records.' }],
  wraps: 'DELETE /v1/agents/{tenant}/{agent}',
  run: async ({ operands: [tenant = '', agent = ''], options, io }) => {
    const api = await connect(options, io)
    await api.call('DELETE /v1/agents/{tenant}/{agent}', { params: { tenant, agent } })
    return { json: NO_REPLY, text: paint => `${paint.good('retired')} ${tenant}/${agent}, for ever` }
  },
})

export const agentCommands = [create, token, listAll, show, set, quarantine, reinstate, retire]
