import { join, resolve } from 'node:path'
import { CONNECTION, clientFor, connect, findPlace } from '../client/connection.ts'
import { command, text } from '../command.ts'
import { readInput } from '../files.ts'
import { card } from '../layout.ts'
import { rowsOf } from './identity-rows.ts'

export const whoami = command({
  name: 'whoami',
  summary: 'Say who you are to the authority, until when, and what you may do.',
  about:
    'Asks with the API key that is given, else as whoever logged in, else with the key of the profile or LANYARD_TOKEN; with\n--svid by the certificate of an agent.',
  operands: [],
  options: {
    svid: { ...text('DIR', 'Present svid.pem and svid_key.pem from this folder'), variable: 'LANYARD_SVID_DIR' },
    ...CONNECTION,
  },
  examples: [
    { line: 'lanyard whoami', does: 'Shows your roles, and until when you have them.' },
    { line: 'lanyard whoami --svid ./planner', does: 'Asks as the agent whose certificate lies there.' },
  ],
  wraps: 'GET /v1/whoami',
  run: async ({ options: { svid: folder, ...options }, io }) => {
    const svid = folder ?? io.env.LANYARD_SVID_DIR
    const api =
      svid === undefined ? await connect(options, io) : connectAs(resolve(io.cwd, svid), await findPlace(options, io))
    const reply = await api.call('GET /v1/whoami', {})
    return {
      json: reply,
      text: paint => card(rowsOf(reply), paint),
    }
  },
})

function connectAs(folder: string, place: Awaited<ReturnType<typeof findPlace>>) {
  const read = (name: string) => Buffer.from(readInput(join(folder, name), '--svid')).toString('utf8')
  return clientFor(place, { certificate: read('svid.pem'), key: read('svid_key.pem') })
}
