import { CONNECTION, connect } from '../client/connection.ts'
import { command, text } from '../command.ts'
import { brief } from '../layout.ts'
import { listing, PAGE } from '../listing.ts'

const list = command({
  name: 'service list',
  summary: 'List where agents serve. A kill takes an agent out.',
  operands: [],
  options: {
    tenant: text('TENANT', 'Only of this tenant'),
    'spiffe-id': text('ID', 'Only of the agent with this SPIFFE ID'),
    ...PAGE,
    ...CONNECTION,
  },
  examples: [
    { line: 'lanyard service list --tenant acme', does: 'Everything that acme serves.' },
    {
      line: 'lanyard service list --spiffe-id spiffe://example.org/tenant/acme/agent/invoice',
      does: 'Where one agent is to be found.',
    },
  ],
  wraps: 'GET /v1/services',
  run: async ({ options: { tenant, 'spiffe-id': spiffe_id, limit, cursor, ...options }, io }) => {
    const api = await connect(options, io)
    const reply = await api.call('GET /v1/services', { query: { tenant, spiffe_id, limit, cursor } })
    return listing(reply, ['AGENT', 'URL', 'SINCE', 'LEASE', 'ID'], one => [
      `${one.tenant}/${one.agent}`,
      one.url,
      one.since,
      `${brief(Math.max(0, Date.parse(one.leased_until) - io.now()))} left`,
      one.spiffe_id,
    ])
  },
})

export const serviceCommands = [list]
