import { resolve } from 'node:path'
import { type GivenSvid, IdentityError, type JwtSvid, WorkloadApiClient } from '@lanyard/sdk'
import { command, list, text } from '../command.ts'
import { card, rfc3339 } from '../layout.ts'
import { Misuse } from '../problem.ts'

const ANSWER_MS = 15_000

export const svid = command({
  name: 'svid',
  summary: 'Ask the Workload API on this machine who this process is, as any program can.',
  about: [
    'It shows what your own program would get under the same user: X.509-SVIDs, bundles and, with --audience, a JWT-SVID.',
    'This command is no launched main process, so it gets what entries with `children: true` give; `entry explain` says why not.',
    'Keys are never shown.',
  ].join('\n'),
  operands: [],
  options: {
    socket: {
      ...text('unix:///PATH', 'The Workload API'),
      variable: 'SPIFFE_ENDPOINT_SOCKET',
      group: 'connection',
    },
    audience: list('NAME', 'Also a JWT-SVID for this service, which is a secret until it ends'),
  },
  examples: [
    {
      line: 'lanyard svid --socket unix:///run/lanyard/workload-api.sock',
      does: 'Shows the identities, and until when.',
    },
    { line: 'lanyard svid --audience payments --json', does: 'For a script that calls payments with a token.' },
  ],
  run: async ({ options: { socket, audience = [] }, io }) => {
    const client = clientAt(socket ?? io.env.SPIFFE_ENDPOINT_SOCKET, io.cwd)
    const call = { signal: AbortSignal.timeout(ANSWER_MS) }
    try {
      const { svids, bundles } = await client.fetchX509Context(call)
      const token = audience.length === 0 ? null : await client.fetchJwtSvid({ audience, ...call })
      return {
        json: {
          svids: svids.map(toJson),
          trust_domains: [...bundles].map(({ trustDomain }) => trustDomain.name),
          jwt_svid: token && { ...token.toJSON(), token: token.token },
        },
        text: paint => svids.map(each => card(rowsOf(each, token), paint)).join('\n\n'),
      }
    } finally {
      client.close()
    }
  },
})

/** Throws {@link Misuse} with the address to give. */
function clientAt(socket: string | undefined, cwd: string): WorkloadApiClient {
  if (!socket)
    throw new Misuse(
      'no Workload API: give --socket unix:///PATH, or set SPIFFE_ENDPOINT_SOCKET; `lanyard up` prints it',
    )
  try {
    return new WorkloadApiClient({ socket })
  } catch (error) {
    if (!(error instanceof IdentityError) || error.code !== 'workload_api_address_invalid') throw error
    const path = socket.replace(/^unix:(\/\/)?/, '')
    const meant = /^[a-z]+:/.test(path) ? '' : `; did you mean --socket unix://${resolve(cwd, path)}?`
    throw new Misuse(`--socket: ${error.message.replace(/^workload_api_address_invalid: /, '')}${meant}`)
  }
}

const toJson = ({ svid: { id, serial, notBefore, notAfter, certificate, chain }, hint }: GivenSvid) => ({
  spiffe_id: `${id}`,
  hint,
  serial,
  not_before: rfc3339(notBefore * 1000),
  not_after: rfc3339(notAfter * 1000),
  certificate,
  chain,
})

const rowsOf = ({ svid: { id, serial, notAfter }, hint }: GivenSvid, token: JwtSvid | null): [string, string][] => [
  ['you are', `${id}`],
  ...(hint === null ? [] : [['hint', hint] as [string, string]]),
  ['serial', serial],
  ['until', rfc3339(notAfter * 1000)],
  ...(token?.id.equals(id) ? [['token', token.token] as [string, string]] : []),
]
