import { CONNECTION, connect } from '../../client/connection.ts'
import { choice, command, required, text } from '../../command.ts'
import { listing, PAGE } from '../../listing.ts'
import { Misuse } from '../../problem.ts'

export const list = command({
  name: 'cert list',
  summary: 'List certificates, newest first.',
  operands: [],
  options: {
    tenant: text('TENANT', 'Only of this tenant'),
    agent: text('AGENT', 'Only of this agent'),
    alive: choice(
      ['true', 'false'],
      'Only those that are neither over, revoked nor of a dead incarnation, or only the others',
    ),
    serial: text('HEX', 'Only this one'),
    ...PAGE,
    ...CONNECTION,
  },
  examples: [
    { line: 'lanyard cert list --tenant acme --alive true', does: 'What is valid now in a tenant.' },
    { line: 'lanyard cert list --serial 5f1d7a84e5a04a0d9b6a3c0f2e1d4c3b', does: 'Who got this one, and by what.' },
  ],
  wraps: 'GET /v1/certificates',
  run: async ({ options: { tenant, agent, alive, serial, limit, cursor, ...options }, io }) => {
    const api = await connect(options, io)
    const query = { tenant, agent, alive, serial, limit, cursor }
    const reply = await api.call('GET /v1/certificates', { query })
    return listing(reply, ['SERIAL', 'AGENT', 'TIER', 'UNTIL', 'STATE', 'GEN'], one => [
      one.serial,
      `${one.tenant}/${one.agent}`,
      one.reputation_tier,
      one.not_after,
      one.revoked_at ? `revoked: ${one.revoked_reason}` : one.alive ? 'alive' : 'over',
      one.generation,
    ])
  },
})

export const revoke = command({
  name: 'cert revoke',
  summary: 'Revoke a certificate with its lineage, or all that an agent holds.',
  operands: [
    { name: 'SERIAL', about: 'Serial number, 32 hex digits; without it --tenant and --agent', optional: true },
  ],
  options: {
    tenant: text('TENANT', 'Tenant of the agent'),
    agent: text('AGENT', 'Revoke all that this agent holds'),
    reason: required(text('TEXT', 'Why, for the events')),
    ...CONNECTION,
  },
  examples: [
    {
      line: 'lanyard cert revoke 5f1d7a84e5a04a0d9b6a3c0f2e1d4c3b --reason "key copied"',
      does: 'Ends its lineage too.',
    },
    { line: 'lanyard cert revoke --tenant acme --agent planner --reason "laptop lost"', does: 'All of one agent.' },
  ],
  wraps: 'POST /v1/agent/auth/revoke',
  run: async ({ operands: [serial], options: { tenant, agent, reason, ...options }, io }) => {
    const body = whatOf(serial, tenant, agent)
    const api = await connect(options, io)
    const reply = await api.call('POST /v1/agent/auth/revoke', { body: { ...body, reason } })
    return {
      json: reply,
      text: paint =>
        reply.revoked.length === 0
          ? paint.faint('nothing was left to revoke')
          : reply.revoked.map(one => `${paint.good('revoked')} ${one}`).join('\n'),
    }
  },
})

function whatOf(serial: string | undefined, tenant: string | undefined, agent: string | undefined) {
  if (serial !== undefined && tenant === undefined && agent === undefined) return { serial }
  if (serial === undefined && tenant !== undefined && agent !== undefined) return { tenant, agent }
  throw new Misuse('expected SERIAL, or --tenant and --agent')
}
