import { CONNECTION, connect } from '../../client/connection.ts'
import { choice, command, flag, text } from '../../command.ts'
import { visible } from '../../layout.ts'
import { listing, PAGE } from '../../listing.ts'
import { nameOf } from '../kill/target.ts'
import { follow } from './follow.ts'
import { shownIncident } from './show.ts'

const INCIDENT = { name: 'INCIDENT', about: 'Its name, as `kill` and `incident list` show it' } as const

const list = command({
  name: 'incident list',
  summary: 'List incidents, newest first.',
  operands: [],
  options: {
    tenant: text('TENANT', 'Only of this tenant'),
    state: choice(['open', 'closed'], 'Only those that wait for their receipt, or only the others'),
    ...PAGE,
    ...CONNECTION,
  },
  examples: [{ line: 'lanyard incident list --tenant acme --limit 20', does: 'The last twenty kills in acme.' }],
  wraps: 'GET /v1/incidents',
  run: async ({ options: { tenant, state, limit, cursor, ...options }, io }) => {
    const api = await connect(options, io)
    const reply = await api.call('GET /v1/incidents', { query: { tenant, state, limit, cursor } })
    return listing(reply, ['INCIDENT', 'AT', 'KILLED', 'SCOPE', 'STATE', 'EPOCH', 'REASON'], one => [
      one.incident,
      one.at,
      nameOf(one.target),
      one.target.kind === 'agent' ? one.scope : null,
      one.state,
      one.epoch,
      one.reason,
    ])
  },
})

const show = command({
  name: 'incident show',
  summary: 'Show an incident: its steps, who has confirmed and when, until when it is unguarded.',
  about: 'With --watch exit code 4 says that some enforcement points have not confirmed.',
  operands: [INCIDENT],
  options: { watch: flag('Show what is new as it comes, until the receipt is signed'), ...CONNECTION },
  examples: [
    { line: 'lanyard incident show kill-6b1f0c2d9e8a7754', does: 'Steps and enforcement points, with their times.' },
    { line: 'lanyard incident show kill-6b1f0c2d9e8a7754 --watch', does: 'Goes on until the receipt is signed.' },
  ],
  wraps: 'GET /v1/incidents/{incident}',
  run: async ({ operands: [incident = ''], options: { watch, ...options }, io, emit, note }) => {
    const api = await connect(options, io)
    if (watch) return follow(api, incident, { io, emit, note })
    return shownIncident(await api.call('GET /v1/incidents/{incident}', { params: { incident } }), io.now())
  },
})

const snapshot = command({
  name: 'incident snapshot',
  summary: 'Read the forensic snapshot of an incident, decrypted. An event tells that you did.',
  operands: [INCIDENT],
  options: CONNECTION,
  examples: [{ line: 'lanyard incident snapshot kill-6b1f0c2d9e8a7754', does: 'What was known at the kill, as JSON.' }],
  wraps: 'GET /v1/incidents/{incident}/snapshot',
  run: async ({ operands: [incident = ''], options, io }) => {
    const api = await connect(options, io)
    const reply = await api.call('GET /v1/incidents/{incident}/snapshot', { params: { incident } })
    return { json: reply, text: JSON.stringify(reply, null, 2).split('\n').map(visible).join('\n') }
  },
})

export const incidentCommands = [list, show, snapshot]
