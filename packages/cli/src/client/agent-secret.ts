import { type Options, text, type Values } from '../command.ts'
import { readInput, readSecret } from '../files.ts'
import type { Io } from '../io.ts'
import { Misuse } from '../problem.ts'
import type { ApiClient } from './client.ts'
import { type ConnectionOptions, clientFor, findPlace } from './connection.ts'

/** What an agent with a secret shows. */
export const FACTORS = {
  'secret-file': {
    ...text('FILE', 'File with the secret of the agent; the variable LANYARD_AGENT_SECRET holds the secret itself'),
    variable: 'LANYARD_AGENT_SECRET_FILE',
  },
  'client-cert': text('FILE', 'The second factor: its client certificate with its chain, in PEM'),
  'client-key': text('FILE', 'The key of that certificate, in PEM'),
} as const satisfies Options

export type FactorOptions = Values<typeof FACTORS>

/** A client that shows the secret of an agent, and its certificate where one is given. Throws {@link Misuse}. */
export async function connectBySecret(
  factors: FactorOptions,
  connection: ConnectionOptions,
  io: Pick<Io, 'env' | 'home' | 'now'>,
): Promise<ApiClient> {
  const secret = findSecret(factors, io)
  if (secret === null)
    throw new Misuse('no secret: give --secret-file FILE, or set LANYARD_AGENT_SECRET_FILE or LANYARD_AGENT_SECRET')
  const certificate = findCertificate(factors)
  return clientFor(await findPlace(connection, io), { secret, ...certificate })
}

/** The secret that options or environment name; null for none. */
export function findSecret({ 'secret-file': file }: FactorOptions, { env }: Pick<Io, 'env'>): string | null {
  if (file !== undefined) return readSecret(file, '--secret-file')
  if (env.LANYARD_AGENT_SECRET) return env.LANYARD_AGENT_SECRET
  const named = env.LANYARD_AGENT_SECRET_FILE
  return named ? readSecret(named, 'LANYARD_AGENT_SECRET_FILE') : null
}

function findCertificate({ 'client-cert': cert, 'client-key': key }: FactorOptions) {
  if (cert === undefined && key === undefined) return {}
  if (cert === undefined || key === undefined) throw new Misuse('expected --client-cert and --client-key together')
  return { certificate: pemIn(cert, '--client-cert', 'CERTIFICATE'), key: pemIn(key, '--client-key', 'PRIVATE KEY') }
}

/** A PEM file that holds what it should: what is read by OpenSSL is refused without the name of the file. */
function pemIn(file: string, what: string, label: 'CERTIFICATE' | 'PRIVATE KEY'): string {
  const pem = Buffer.from(readInput(file, what)).toString('latin1')
  if (new RegExp(`-----BEGIN [A-Z ]{0,20}${label}-----`).test(pem)) return pem
  const swapped = /-----BEGIN [A-Z ]{1,30}-----/.test(pem) ? '; are --client-cert and --client-key swapped?' : ''
  throw new Misuse(`${what}: expected a ${label.toLowerCase()} in PEM in ${file}${swapped}`)
}
