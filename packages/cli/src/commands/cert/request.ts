import { buildCsr, encodePem, type KeyType } from '@lanyard/protocol'
import { generateKey, nodeSigner } from '@lanyard/protocol/node'
import { connectBySecret, FACTORS, findSecret } from '../../client/agent-secret.ts'
import { CONNECTION, clientFor, findPlace, type Place } from '../../client/connection.ts'
import { choice, command, flag, number, type Outcome, required, text } from '../../command.ts'
import { defined } from '../../defined.ts'
import { readSecret } from '../../files.ts'
import { card, duration } from '../../layout.ts'
import { Misuse } from '../../problem.ts'
import { type TokenMaker, tokenMaker } from './credential.ts'
import { reload } from './reload.ts'
import { keyPem, type SvidFiles, writeSvid } from './svid-files.ts'

export const KEY_TYPES = ['RSA-2048', 'RSA-3072', 'RSA-4096', 'P-256', 'P-384', 'Ed25519'] as const
export type RequestKeyType = (typeof KEY_TYPES)[number]

export const request = command({
  name: 'cert request',
  summary: 'Make a key, get a certificate for it, write both; with --renew keep them fresh.',
  about:
    'Writes svid.pem (certificate and chain), svid_key.pem (0600) and bundle.pem (the roots), each whole or not at all.\nThe key never leaves this machine. The secret of the agent, a token of its provider or an API key gets the token that is\nneeded; or set LANYARD_TOKEN.\nThe reload command finds the paths in LANYARD_SVID, LANYARD_SVID_KEY and LANYARD_BUNDLE.',
  operands: [],
  options: {
    tenant: text('TENANT', 'Tenant of the agent'),
    agent: text('AGENT', 'Name of the agent'),
    out: required(text('DIR', 'Folder for the files; made when it is not there')),
    'key-type': choice(KEY_TYPES, 'Kind of key; RSA-2048, which every tenant accepts, where not given'),
    ttl: number('SEC', 'A shorter life than the tier gives; at least 60'),
    renew: flag('Go on until stopped: renew in time, with a new key each time'),
    reload: text('CMD', 'Shell command to run after the files were written'),
    'idp-token-file': text(
      'FILE',
      'A token of the identity provider of --tenant, which says which agent it is; read anew whenever one is needed',
    ),
    ...FACTORS,
    ...CONNECTION,
  },
  examples: [
    {
      line: 'lanyard cert request --tenant acme --agent planner --out ./planner',
      does: 'Three files, good for five minutes.',
    },
    {
      line: "lanyard cert request --tenant acme --agent proxy --out /run/proxy --renew --reload 'nginx -s reload'",
      does: 'Keeps the certificate of a program fresh that knows nothing of SPIFFE.',
    },
    {
      line: 'lanyard cert request --tenant acme --idp-token-file /var/run/secrets/tokens/lanyard --out /run/agent --renew',
      does: 'A pod of Kubernetes, as the agent that its service account is.',
    },
  ],
  run: async ({ options, io, emit, note }) => {
    const { tenant, agent, out, ttl, renew, reload: command, 'key-type': keyType = 'RSA-2048', ...rest } = options
    const { 'idp-token-file': tokenFile, ...connection } = rest
    // From here on a signal means: stop in good order.
    const stopped = renew ? io.stopped() : null
    const place = await findPlace(connection, io)
    const secret = findSecret(connection, io)
    const bySecret = secret === null ? null : () => connectBySecret(connection, connection, io)
    const byProvider = tokenFile === undefined ? null : () => readSecret(tokenFile, '--idp-token-file')
    const tokens = tokenMaker(place, { tenant, agent, bySecret, byProvider })
    const wanted: Wanted = { place, tokens, keyType, ttl }
    const written = async (parts: Parameters<typeof writeSvid>[2]) => {
      const files = writeSvid(io.cwd, out, parts)
      if (command !== undefined) await reload(command, files, io)
      return files
    }
    if (stopped === null) return await once(wanted, written)
    const { keep } = await import('./keep.ts')
    await keep({ wanted, written, stopped, emit, note })
    return undefined
  },
})

export interface Wanted {
  readonly place: Place
  readonly tokens: TokenMaker
  readonly keyType: RequestKeyType
  readonly ttl: number | undefined
}

export type Write = (parts: Parameters<typeof writeSvid>[2]) => Promise<SvidFiles>

async function once({ place, tokens, keyType, ttl }: Wanted, written: Write): Promise<Outcome> {
  const [type, bits] = keyType.startsWith('RSA-') ? (['RSA', Number(keyType.slice(4))] as const) : [keyType as KeyType]
  const key = await generateKey(type, bits)
  const signer = nodeSigner(key)
  const bearer = await tokens(signer.spki)
  const csr = encodePem('CERTIFICATE REQUEST', await buildCsr(signer))
  const api = clientFor(place, { bearer })
  const reply = await api.call('POST /v1/agent/auth/cert', { body: { csr, ...defined({ ttl_sec: ttl }) } })
  const files = await written({ ...reply, key: keyPem(key) })
  return {
    json: { ...reply, files },
    text: paint =>
      card(
        [
          ['id', reply.spiffe_id],
          ['serial', reply.serial],
          ['until', `${reply.not_after} (${duration(reply.validity_sec)}, tier ${reply.reputation_tier})`],
          ['renew', `after ${reply.renew_after}; --renew does it by itself`],
          ['files', `${files.svid} ${files.key} ${files.bundle}`],
        ],
        paint,
      ),
  }
}

/** Key types that an identity of the SDK can make anew for each renewal. */
export function requireRenewable(keyType: RequestKeyType): Exclude<RequestKeyType, 'Ed25519'> {
  if (keyType === 'Ed25519') throw new Misuse('--renew makes RSA, P-256 and P-384 keys, but no Ed25519')
  return keyType
}
