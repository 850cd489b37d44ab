import { createSecureContext } from 'node:tls'
import { type Options, text, type Values } from '../command.ts'
import { readInput, readSecret } from '../files.ts'
import type { Io } from '../io.ts'
import { Misuse, refuse } from '../problem.ts'
import { ApiClient, type Endpoint } from './client.ts'
import { fetchRoot, parseFingerprint, rootsIn } from './fingerprint.ts'
import { DEFAULT_PROFILE, type Profile, readProfile } from './profile.ts'
import { readSession } from './session.ts'

const connected = <const O extends object>(option: O, variable?: string) =>
  ({ ...option, group: 'connection', ...(variable && { variable }) }) as O & { group: 'connection' }

/** Where the authority is and why it is believed: options of every command that calls it. */
export const CONNECTION = {
  url: connected(text('URL', 'The authority'), 'LANYARD_URL'),
  'root-sha256': connected(text('HEX', 'Fingerprint of its root certificate'), 'LANYARD_ROOT_SHA256'),
  'root-file': connected(text('FILE', 'Its root certificate, in PEM')),
  profile: connected(text('NAME', 'What `lanyard bootstrap` kept under this name'), 'LANYARD_PROFILE'),
  'api-key-file': connected(text('FILE', 'File with the API key; the variable LANYARD_API_KEY holds the key itself')),
} as const satisfies Options

const { 'api-key-file': _key, ...where } = CONNECTION
/** The same for commands that are no use with a key. */
export const WHERE = where

export type ConnectionOptions = Values<typeof WHERE> & { readonly 'api-key-file'?: string | undefined }
type World = Pick<Io, 'env' | 'home' | 'now'>

/** The authority that options, environment and profile name, in this order. */
export interface Place {
  readonly url: URL
  /** Root certificates in PEM. */
  readonly ca: string
  /** Name of the profile. */
  readonly profile: string
  /** An API key, or the session of whoever logged in; null when there is neither. */
  readonly manager: Manager | null
  /** An agent token, or null. */
  readonly token: string | null
}

/** Who manages: the bearer credential, for a session fresh at each call, and the tenant that a session is for. */
export interface Manager {
  readonly kind: 'api-key' | 'session'
  readonly bearer: string | (() => Promise<string>)
  readonly tenant?: string | undefined
  /** Where it comes from, told where it does not count. */
  readonly from: string
}

/**
 * A client with the API key or the session, or with the agent token where there is neither. Throws {@link Misuse} without
 * any; calls by a session that is over throw `session_ended`.
 */
export async function connect(options: ConnectionOptions, io: World): Promise<ApiClient> {
  const place = await findPlace(options, io)
  if (place.manager !== null) return clientFor(place, place.manager)
  if (place.token !== null) return clientFor(place, { bearer: place.token })
  throw refuse(
    'credential_missing',
    'no credential: run `lanyard login`, set LANYARD_API_KEY, or give --api-key-file FILE (`lanyard up` names the first key)',
  )
}

/** A client for a place, with a credential or with none. */
export function clientFor(
  place: Pick<Place, 'url' | 'ca'>,
  { bearer, secret, tenant, from, certificate, key }: Credential = {},
): ApiClient {
  if (certificate && key) requirePair(certificate, key)
  const trust = { ca: place.ca, ...(certificate && key && { certificate, key }) }
  return new ApiClient({ url: place.url, trust, bearer, secret, tenant, from } satisfies Endpoint)
}

/** Files that do not belong together would break the connection, and look like a fault of ours. */
function requirePair(cert: string, key: string): void {
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH')
      throw new Misuse('expected the key of the client certificate, got the key of another one')
    throw new Misuse(`expected a client certificate and its key, both in PEM: ${message}`)
  }
}

type Credential = Pick<Endpoint, 'bearer' | 'secret' | 'tenant' | 'from'> & {
  readonly certificate?: string
  readonly key?: string
}

/** Finds the authority, and its root: which is fetched when only its fingerprint is known. */
export async function findPlace(options: ConnectionOptions, io: World): Promise<Place> {
  const name = options.profile ?? io.env.LANYARD_PROFILE
  const profile = readProfile(io, name ?? DEFAULT_PROFILE)
  if (name !== undefined && profile === null)
    throw refuse('authority_missing', `there is no profile ${name}: \`lanyard bootstrap --profile ${name}\` makes it`)
  const named = profile !== null && options.profile !== undefined
  const url = parseUrl(options.url ?? (named ? profile.url : (io.env.LANYARD_URL ?? profile?.url)))
  const ca = await findRoot(options, named && options.url === undefined ? {} : io.env, url, profile)
  const manager = findManager(options, io, { url, ca, profile: name ?? DEFAULT_PROFILE }, profile)
  return { url, ca, profile: name ?? DEFAULT_PROFILE, manager, token: findToken(io) }
}

/** An `https:` URL whose path ends with a slash. */
export function parseUrl(written: string | undefined): URL {
  if (!written)
    throw refuse(
      'authority_missing',
      'no authority: run `lanyard bootstrap --url URL --fingerprint HEX`, or set LANYARD_URL and LANYARD_ROOT_SHA256',
    )
  const url = URL.parse(written)
  if (url?.protocol !== 'https:' || url.username || url.password || url.search || url.hash)
    throw new Misuse(`expected a URL such as https://127.0.0.1:8443, got ${JSON.stringify(written)}`)
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

async function findRoot(
  options: ConnectionOptions,
  env: World['env'],
  url: URL,
  profile: Profile | null,
): Promise<string> {
  if (options['root-file'] !== undefined) return rootFrom(options['root-file'])
  const written = options['root-sha256'] ?? env.LANYARD_ROOT_SHA256
  if (written) {
    const fingerprint = parseFingerprint(written, options['root-sha256'] ? '--root-sha256' : 'LANYARD_ROOT_SHA256')
    return profile?.root_sha256 === fingerprint ? profile.root : fetchRoot(url, fingerprint)
  }
  if (profile) return profile.root
  throw refuse(
    'authority_missing',
    `nothing says which root ${url.host} must have: set LANYARD_ROOT_SHA256 to the fingerprint that \`lanyard up\` printed`,
  )
}

function rootFrom(file: string): string {
  const roots = rootsIn(Buffer.from(readInput(file, '--root-file')).toString('latin1'))
  if (roots.length === 0) throw new Misuse(`--root-file: expected certificates in PEM in ${file}`)
  return roots.map(root => root.pem).join('')
}

/**
 * A key that was given; else the session of whoever logged in; else the key that the profile keeps. Who names a profile
 * on the command line means what it keeps, and not the key that some variable holds.
 */
function findManager(
  options: ConnectionOptions,
  io: World,
  place: Pick<Place, 'url' | 'ca' | 'profile'>,
  profile: Profile | null,
): Manager | null {
  const file = options['api-key-file']
  if (file !== undefined) return { kind: 'api-key', bearer: readSecret(file, '--api-key-file'), from: file }
  const key = io.env.LANYARD_API_KEY
  const ofEnvironment = key ? ({ kind: 'api-key', bearer: key, from: 'LANYARD_API_KEY' } as const) : null
  return options.profile === undefined
    ? (ofEnvironment ?? keptFor(io, place, profile))
    : (keptFor(io, place, profile) ?? ofEnvironment)
}

/** What `login` and `bootstrap` keep under the name of a profile. */
function keptFor(io: World, place: Pick<Place, 'url' | 'ca' | 'profile'>, profile: Profile | null): Manager | null {
  const session = readSession(io, place)
  if (session) {
    const bearer = async () => (await import('./fresh-token.ts')).freshToken(io, place)
    const from = `the session of the profile ${place.profile}`
    return { kind: 'session', bearer, tenant: session.tenant ?? undefined, from }
  }
  // The key of a profile goes to the authority that it was made for, and to no other that a variable points at.
  const same = profile !== null && parseUrl(profile.url).href === place.url.href && profile.root === place.ca
  if (!same || profile.api_key === undefined) return null
  return { kind: 'api-key', bearer: profile.api_key, from: `the key of the profile ${place.profile}` }
}

function findToken({ env }: World): string | null {
  if (env.LANYARD_TOKEN) return env.LANYARD_TOKEN
  return env.LANYARD_TOKEN_FILE ? readSecret(env.LANYARD_TOKEN_FILE, 'LANYARD_TOKEN_FILE') : null
}
