import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseAuthorityUrl } from '../client/connect.ts'
import { IdentityError } from '../errors.ts'
import { type LivenessOptions, livenessOf } from '../feed/options.ts'
import { systemTime, type TimeSource } from '../time.ts'
import { ENDPOINT_VARIABLE } from '../workload-api/address.ts'
import { filesIn, type SvidFiles } from './files.ts'
import { type IdentityKeyType, KEY_TYPES } from './keys.ts'
import type { Token } from './token-source.ts'

/** Least lifetime of a certificate, in seconds. */
const MIN_TTL_SEC = 60

/** What every identity takes. */
export interface CommonOptions {
  /** Where the time comes from; for tests. */
  readonly time?: TimeSource
  /**
   * How long it goes on without news of who is alive. On by default wherever the authority is known; `false` knows of no
   * kill: the dead are accepted until their certificates end.
   */
  readonly liveness?: LivenessOptions | false
}

/** An identity that has its certificates from the authority: the first by some token, each further one by its own. */
export interface IssuedOptions extends CommonOptions {
  /** The authority, `https:`. */
  readonly url: string | URL
  /** SHA-256 of the DER of its root, in hex: what `lanyard up` prints. Nothing is sent to a server without that root. */
  readonly rootSha256: string
  /** `RSA-2048` when absent, which every tenant accepts. */
  readonly keyType?: IdentityKeyType
  /** A lifetime in seconds, at least 60, shorter than that of the tier. */
  readonly ttlSec?: number
  /** How long the first certificate may take while the authority cannot be reached, in milliseconds; a minute when absent. */
  readonly startTimeoutMs?: number
  /** Gives up the start. */
  readonly signal?: AbortSignal
}

/** An identity that begins with an agent token. */
export interface TokenOptions extends IssuedOptions {
  /** An agent token, or a function that gets one: it is asked again when the lineage has ended. */
  readonly token: Token
}

/** An identity that begins with a token of the tenant's identity provider, which says which agent it is. */
export interface ProviderOptions extends IssuedOptions {
  /** The name of the tenant. */
  readonly tenant: string
  /**
   * A token of its provider, or a function that gets one: it is asked again when the lineage has ended, until it gives
   * another one, since each opens one lineage.
   */
  readonly idpToken: Token
}

/** An identity whose files somebody else keeps fresh, such as `lanyard cert request --renew`. */
export type FileOptions = CommonOptions & {
  /** The authority, `https:`; without it nothing is heard of kills. It must prove itself under the roots in the files. */
  readonly authority?: string | URL
} & ({ readonly folder: string } | SvidFiles)

/** What the environment says of a Workload API. */
export interface SocketOptions {
  readonly socket: string
  readonly authority?: string
}

/** @throws TypeError for an option that cannot be meant */
export function checkIssuedOptions(options: IssuedOptions): void {
  const { ttlSec, keyType, startTimeoutMs, liveness } = options
  if (liveness) livenessOf(liveness, '')
  if (ttlSec !== undefined && !(Number.isInteger(ttlSec) && ttlSec >= MIN_TTL_SEC))
    throw new TypeError(`expected ttlSec as a whole number of at least ${MIN_TTL_SEC}, got ${ttlSec}`)
  if (keyType !== undefined && !KEY_TYPES.includes(keyType))
    throw new TypeError(`expected keyType as one of ${KEY_TYPES.join(', ')}, got ${keyType}`)
  if (startTimeoutMs !== undefined && !(startTimeoutMs >= 0))
    throw new TypeError(`expected startTimeoutMs as a number that is not negative, got ${startTimeoutMs}`)
}

export function filesOf(options: FileOptions): SvidFiles {
  return 'folder' in options ? filesIn(options.folder) : options
}

/** Where the authority is; null: that was not said. Throws TypeError for a URL that is not https:. */
export function authorityOf(options: IssuedOptions | FileOptions | { readonly authority?: string | URL }): URL | null {
  if ('url' in options) return parseAuthorityUrl(options.url)
  return options.authority === undefined ? null : parseAuthorityUrl(options.authority)
}

export const timeOf = (options: CommonOptions): TimeSource => options.time ?? systemTime

/**
 * What the environment asks for: a token (`LANYARD_URL`, `LANYARD_ROOT_SHA256`, and `LANYARD_TOKEN` or
 * `LANYARD_TOKEN_FILE`), or one of a tenant's identity provider (`LANYARD_TENANT` and `LANYARD_IDP_TOKEN_FILE` in its place),
 * or files (`LANYARD_SVID_DIR`, and `LANYARD_URL` for the guard), or else the Workload API (`SPIFFE_ENDPOINT_SOCKET`, and
 * `LANYARD_URL` for a guard that does not go by what is said there). Files of tokens are read anew each time one is needed.
 *
 * @throws IdentityError `environment_missing`, naming what is missing, or what contradicts itself
 */
export function optionsFrom(
  environment: NodeJS.ProcessEnv,
): TokenOptions | ProviderOptions | FileOptions | SocketOptions {
  const value = (name: string) => environment[name] || undefined
  const folder = value('LANYARD_SVID_DIR')
  const token = value('LANYARD_TOKEN') ?? readerOf(value('LANYARD_TOKEN_FILE'))
  const idpToken = readerOf(value('LANYARD_IDP_TOKEN_FILE'))
  requireOne({ LANYARD_SVID_DIR: folder, 'an agent token': token, LANYARD_IDP_TOKEN_FILE: idpToken })
  const url = value('LANYARD_URL')
  if (folder !== undefined) return fromFolder(folder, url)
  const socket = value(ENDPOINT_VARIABLE)
  if (socket !== undefined && token === undefined && idpToken === undefined)
    return { socket, ...(url === undefined ? {} : { authority: url }) }
  const place = { LANYARD_URL: url, LANYARD_ROOT_SHA256: value('LANYARD_ROOT_SHA256') }
  if (idpToken === undefined) {
    const found = requireAll({ ...place, LANYARD_TOKEN: token })
    return { url: found.LANYARD_URL, rootSha256: found.LANYARD_ROOT_SHA256, token: found.LANYARD_TOKEN }
  }
  const found = requireAll({ ...place, LANYARD_TENANT: value('LANYARD_TENANT') })
  return { url: found.LANYARD_URL, rootSha256: found.LANYARD_ROOT_SHA256, tenant: found.LANYARD_TENANT, idpToken }
}

/** No program is two agents; which of them was meant is not guessed. */
function requireOne(said: Readonly<Record<string, unknown>>): void {
  const given = Object.keys(said).filter(name => said[name] !== undefined)
  if (given.length > 1)
    throw new IdentityError('environment_missing', `expected one of ${given.join(' and ')}, got both`)
}

function requireAll<T extends Readonly<Record<string, unknown>>>(
  said: T,
): { [K in keyof T]: Exclude<T[K], undefined> } {
  const missing = Object.keys(said).filter(name => said[name] === undefined)
  if (missing.length === 0) return said as { [K in keyof T]: Exclude<T[K], undefined> }
  throw new IdentityError('environment_missing', `expected ${missing.join(', ')} in the environment`)
}

function fromFolder(folder: string, authority: string | undefined): FileOptions {
  if (!existsSync(join(folder, 'svid.pem')))
    throw new IdentityError('environment_missing', 'expected LANYARD_SVID_DIR to be a folder with svid.pem in it')
  return { folder, ...(authority === undefined ? {} : { authority }) }
}

function readerOf(file: string | undefined): Token | undefined {
  return file === undefined ? undefined : () => readFile(file, 'utf8')
}
