import { resolve } from 'node:path'
import { CONNECTION, connect } from '../../client/connection.ts'
import { command, list, number, text } from '../../command.ts'
import { defined } from '../../defined.ts'
import { writeFiles } from '../../files.ts'

const create = command({
  name: 'join-token create',
  summary: 'Make a token with which one machine becomes a node, once. It is shown this once.',
  about: 'Standard output holds the token and nothing else.',
  operands: [{ name: 'NAME', about: 'What the node will be called' }],
  options: {
    tenant: text('TENANT', 'The only tenant that the node serves; every one where not given'),
    group: list('GROUP', 'A group that the node is in'),
    ttl: number('SEC', 'How long the token is good, 10 s to a day; ten minutes where not given'),
    out: text('FILE', 'Write the token there (0600) and do not show it'),
    ...CONNECTION,
  },
  examples: [
    {
      line: 'lanyard join-token create web-1 --out join.token',
      does: 'For `lanyard daemon --join-token-file join.token`.',
    },
    {
      line: 'lanyard join-token create web-1 --tenant acme --group prod --ttl 60',
      does: 'For a node of one tenant, within a minute.',
    },
  ],
  wraps: 'POST /v1/nodes/join-tokens',
  run: async ({ operands: [name = ''], options: { tenant, group, ttl, out, ...options }, io, note }) => {
    const api = await connect(options, io)
    const body = { name, ...defined({ tenant, ttl_sec: ttl, groups: group && [...group] }) }
    const reply = await api.call('POST /v1/nodes/join-tokens', { body })
    const { token, ...rest } = reply
    const file = out === undefined ? null : resolve(io.cwd, out)
    if (file !== null) writeFiles([{ path: file, content: `${token}\n`, mode: 0o600 }])
    note(`${file ?? 'token'}: node ${reply.name}, once, until ${reply.expires_at}`)
    return { json: file === null ? reply : { ...rest, token_file: file }, text: file === null ? token : '' }
  },
})

export const joinTokenCommands = [create]
