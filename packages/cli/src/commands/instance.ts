import { CONNECTION, connect } from '../client/connection.ts'
import { command, required, text } from '../command.ts'
import { table, visible } from '../layout.ts'

const list = command({
  name: 'instance list',
  summary: 'List the instances of the authority: which serve, which are silent, which are evicted.',
  operands: [],
  options: CONNECTION,
  examples: [{ line: 'lanyard instance list', does: 'All that ever served this trust domain, oldest first.' }],
  wraps: 'GET /v1/instances',
  run: async ({ options, io }) => {
    const api = await connect(options, io)
    const reply = await api.call('GET /v1/instances', {})
    const rows = reply.items.map(one => [one.instance, one.state, one.seen_at, one.created_at, one.evicted_at])
    return { json: reply, text: paint => table(['INSTANCE', 'STATE', 'SEEN', 'SINCE', 'EVICTED'], rows, paint) }
  },
})

const evict = command({
  name: 'instance evict',
  summary: 'Put an instance out of service for ever: what its intermediate signed is dead everywhere.',
  about: 'For an instance whose machine or keys are lost. Agents with certificates of it bootstrap again.',
  operands: [{ name: 'INSTANCE', about: 'Its UUID, as `instance list` shows it' }],
  options: { reason: required(text('TEXT', 'Why, for the events and the receipt')), ...CONNECTION },
  examples: [
    {
      line: 'lanyard instance evict 0d1f6a52-7c3b-4e8e-9a41-2b5c7d9e0f13 --reason "host taken over"',
      does: 'Nothing that it signs is believed from then on.',
    },
  ],
  wraps: 'POST /v1/instances/{instance}/evict',
  run: async ({ operands: [instance = ''], options: { reason, ...options }, io }) => {
    const api = await connect(options, io)
    const reply = await api.call('POST /v1/instances/{instance}/evict', { params: { instance }, body: { reason } })
    const rest = `${visible(instance)}, incident ${visible(reply.incident)}, epoch ${reply.epoch}`
    return { json: reply, text: paint => `${paint.bad('evicted')} ${rest}` }
  },
})

export const instanceCommands = [list, evict]
