import { resolve } from 'node:path'
import { clientFor, findPlace, WHERE } from '../../client/connection.ts'
import { command, text } from '../../command.ts'
import { defined } from '../../defined.ts'
import { writeFiles } from '../../files.ts'
import { duration } from '../../layout.ts'
import { TENANT } from './find.ts'
import { readToken, TOKEN_INPUT } from './token-input.ts'

export const exchangeToken = command({
  name: 'idp exchange',
  summary: 'Get an agent token for a token of the tenant’s identity provider, as the agent itself does.',
  about:
    'Needs no key of the authority. One token of the provider opens one lineage, for the first key that comes with it.\nStandard output holds the agent token and nothing else.',
  operands: [TENANT],
  options: {
    ...TOKEN_INPUT,
    jkt: text('THUMBPRINT', 'Bind it to this key at once: RFC 7638, SHA-256, base64url'),
    out: text('FILE', 'Write the agent token there (0600) and do not show it'),
    ...WHERE,
  },
  examples: [
    {
      line: 'lanyard idp exchange acme --token-file github.jwt --out agent.token',
      does: 'Then LANYARD_TOKEN_FILE=agent.token for `cert request`, or for the SDK.',
    },
  ],
  wraps: 'POST /v1/agent/federated-bootstrap',
  run: async ({ operands: [tenant = ''], options, io, note }) => {
    const { 'token-file': file, jkt, out, ...connection } = options
    const bearer = await readToken(file, io)
    const api = clientFor(await findPlace(connection, io), { bearer, tenant })
    const reply = await api.call('POST /v1/agent/federated-bootstrap', { body: defined({ jkt }) })
    const path = out === undefined ? null : resolve(io.cwd, out)
    const { token, ...rest } = reply
    if (path !== null) writeFiles([{ path, content: `${token}\n`, mode: 0o600 }])
    note(`${path ?? 'token'}: one key of ${reply.spiffe_id}, within ${duration(reply.expires_in)}`)
    return { json: path === null ? reply : { ...rest, token_file: path }, text: path === null ? token : '' }
  },
})
