import { CONNECTION, connect } from '../../client/connection.ts'
import { command } from '../../command.ts'
import { NO_REPLY } from '../../listing.ts'
import { bindingCommands } from './bindings.ts'
import { explain } from './explain.ts'
import { issuerCommands } from './issuers.ts'
import { roleCommands } from './roles.ts'

const reinstate = command({
  name: 'access reinstate',
  summary: 'Let a person or program come again that a kill shut out. What it minted stays dead.',
  operands: [{ name: 'PRINCIPAL', about: 'Its id, as `whoami` and events show it, with or without principal:' }],
  options: CONNECTION,
  examples: [
    { line: 'lanyard access reinstate principal:0a1b2c3d4e5f60718293a4b5c6d7e8f9', does: 'Its roles count again.' },
  ],
  wraps: 'POST /v1/access/principals/{principal}/reinstate',
  run: async ({ operands: [written = ''], options, io }) => {
    const principal = written.replace(/^principal:/, '')
    const api = await connect(options, io)
    await api.call('POST /v1/access/principals/{principal}/reinstate', { params: { principal } })
    return { json: NO_REPLY, text: paint => `${paint.good('reinstated')} principal ${principal}` }
  },
})

export const accessCommands = [...bindingCommands, ...roleCommands, ...issuerCommands, explain, reinstate]
