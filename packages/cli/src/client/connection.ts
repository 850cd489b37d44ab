import { type Options, text, type Values } from '../command.ts'
import { readInput, readSecret } from '../files.ts'
import type { Io } from '../io.ts'
import { Misuse } from '../problem.ts'
import { ApiClient, type Endpoint } from './client.ts'
import { fetchRoot, parseFingerprint, rootsIn } from './fingerprint.ts'
import { DEFAULT_PROFILE, type Profile, readProfile } from './profile.ts'

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

export type ConnectionOptions = Values<typeof CONNECTION>
type World = Pick<Io, 'env' | 'home'>

/** The authority that options, environment and profile name, in this order. */
export interface Place {
  readonly url: URL
  /** Root certificates in PEM. */
  readonly ca: string
  /** An API key, or null when none was given. */
  readonly apiKey: string | null
  /** An agent token, or null. */
  readonly token: string | null
}

/** A client with the API key, or with the agent token where no key was given. Throws {@link Misuse} without either. */
export async function connect(options: ConnectionOptions, io: World): Promise<ApiClient> {
  const place = await findPlace(options, io)
  const bearer = place.apiKey ?? place.token
  if (bearer === null)
    throw new Misuse(
      'no credential: set LANYARD_API_KEY, or give --api-key-file FILE (`lanyard up` names the first key)',
    )
  return clientFor(place, { bearer })
}

/** A client for a place, with a credential or with none. */
export function clientFor(
  place: Pick<Place, 'url' | 'ca'>,
  { bearer, certificate, key }: { bearer?: string; certificate?: string; key?: string } = {},
): ApiClient {
  const trust = { ca: place.ca, ...(certificate && key && { certificate, key }) }
  return new ApiClient({ url: place.url, trust, bearer } satisfies Endpoint)
}

/** Finds the authority, and its root: which is fetched when only its fingerprint is known. */
export async function findPlace(options: ConnectionOptions, io: World): Promise<Place> {
  const name = options.profile ?? io.env.LANYARD_PROFILE
  const profile = readProfile(io, name ?? DEFAULT_PROFILE)
  if (name !== undefined && profile === null)
    throw new Misuse(`there is no profile ${name}: \`lanyard bootstrap --profile ${name}\` makes it`)
  const url = parseUrl(options.url ?? io.env.LANYARD_URL ?? profile?.url)
  const ca = await findRoot(options, io, url, profile)
  return { url, ca, apiKey: findApiKey(options, io, { url, ca }, profile), token: findToken(io) }
}

/** An `https:` URL whose path ends with a slash. */
export function parseUrl(written: string | undefined): URL {
  if (!written)
    throw new Misuse(
      'no authority: run `lanyard bootstrap --url URL --fingerprint HEX`, or set LANYARD_URL and LANYARD_ROOT_SHA256',
    )
  const url = URL.parse(written)
  if (url?.protocol !== 'https:' || url.username || url.password || url.search || url.hash)
    throw new Misuse(`expected a URL such as https://127.0.0.1:8443, got ${JSON.stringify(written)}`)
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

async function findRoot(options: ConnectionOptions, io: World, url: URL, profile: Profile | null): Promise<string> {
  if (options['root-file'] !== undefined) return rootFrom(options['root-file'])
  const written = options['root-sha256'] ?? io.env.LANYARD_ROOT_SHA256
  if (written) {
    const fingerprint = parseFingerprint(written, options['root-sha256'] ? '--root-sha256' : 'LANYARD_ROOT_SHA256')
    return profile?.root_sha256 === fingerprint ? profile.root : fetchRoot(url, fingerprint)
  }
  if (profile) return profile.root
  throw new Misuse(
    `nothing says which root ${url.host} must have: set LANYARD_ROOT_SHA256 to the fingerprint that \`lanyard up\` printed`,
  )
}

function rootFrom(file: string): string {
  const roots = rootsIn(Buffer.from(readInput(file, '--root-file')).toString('latin1'))
  if (roots.length === 0) throw new Misuse(`--root-file: expected certificates in PEM in ${file}`)
  return roots.map(root => root.pem).join('')
}

function findApiKey(
  options: ConnectionOptions,
  io: World,
  place: { readonly url: URL; readonly ca: string },
  profile: Profile | null,
): string | null {
  if (options['api-key-file'] !== undefined) return readSecret(options['api-key-file'], '--api-key-file')
  if (io.env.LANYARD_API_KEY) return io.env.LANYARD_API_KEY
  // The key of a profile goes to the authority that it was made for, and to no other that a variable points at.
  const same = profile !== null && parseUrl(profile.url).href === place.url.href && profile.root === place.ca
  return same ? (profile.api_key ?? null) : null
}

function findToken({ env }: World): string | null {
  if (env.LANYARD_TOKEN) return env.LANYARD_TOKEN
  return env.LANYARD_TOKEN_FILE ? readSecret(env.LANYARD_TOKEN_FILE, 'LANYARD_TOKEN_FILE') : null
}
