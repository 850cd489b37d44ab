import { ProtocolError } from '../errors.ts'

/** Longest name of a trust domain in bytes (SPIFFE-ID, 2.1). */
export const MAX_TRUST_DOMAIN_BYTES = 255
/** Longest SPIFFE ID in bytes (SPIFFE-ID, 2.3). */
export const MAX_SPIFFE_ID_BYTES = 2048

const SCHEME = 'spiffe://'

// A row per ASCII code: which of the two parts may hold it. Anything beyond the table is in neither.
const IN_TRUST_DOMAIN = 1
const IN_PATH = 2
const CLASSES = new Uint8Array(128)
allow('abcdefghijklmnopqrstuvwxyz0123456789.-_', IN_TRUST_DOMAIN | IN_PATH)
// Upper case stays out of trust domains: where one reader folds case and the next compares bytes, EXAMPLE.org and
// example.org are one domain to the first and two to the second.
allow('ABCDEFGHIJKLMNOPQRSTUVWXYZ', IN_PATH)

function allow(characters: string, bits: number): void {
  for (let i = 0; i < characters.length; i++) CLASSES[characters.charCodeAt(i)]! |= bits
}

/** The index of the first character outside of `kind` from `start` up to `end`, or `end`. */
function skip(text: string, kind: number, start: number, end: number): number {
  for (let i = start; i < end; i++) if (((CLASSES[text.charCodeAt(i)] ?? 0) & kind) === 0) return i
  return end
}

function describe(text: string, at: number): string {
  return `U+${text.charCodeAt(at).toString(16).toUpperCase().padStart(4, '0')} at ${at}`
}

function checkTrustDomain(name: string): void {
  // A caller without types could pass a number, which has no characters to refuse.
  if (typeof name !== 'string') throw new TypeError('the name of a trust domain is a string')
  if (name.length === 0)
    throw new ProtocolError('trust_domain_missing', 'expected the name of a trust domain, got none')
  if (name.length > MAX_TRUST_DOMAIN_BYTES)
    throw new ProtocolError(
      'trust_domain_too_long',
      `expected at most ${MAX_TRUST_DOMAIN_BYTES} bytes of trust domain, got ${name.length}`,
    )
  const bad = skip(name, IN_TRUST_DOMAIN, 0, name.length)
  if (bad < name.length)
    throw new ProtocolError(
      'trust_domain_character',
      `expected a-z, 0-9, '.', '-' or '_' in the trust domain, got ${describe(name, bad)}`,
    )
}

/** Checks one segment, `path` from `start` up to `end` (SPIFFE-ID, 2.2). */
function checkSegment(path: string, start: number, end: number): void {
  const bad = skip(path, IN_PATH, start, end)
  if (bad < end)
    throw new ProtocolError(
      'spiffe_path_character',
      `expected a-z, A-Z, 0-9, '.', '-' or '_' in a segment, got ${describe(path, bad)}`,
    )
  if (start === end) throw new ProtocolError('spiffe_path_empty_segment', `expected a segment at ${start} of the path`)
  // Something on the way may resolve dot segments: /a/../b would be judged here as one identity and used there as /b.
  if (path[start] === '.' && (end - start === 1 || (end - start === 2 && path[start + 1] === '.')))
    throw new ProtocolError('spiffe_path_dot_segment', `expected a name, got a dot segment at ${start} of the path`)
}

/** Checks a path that is not empty and starts with a slash. */
function checkPath(path: string): void {
  for (let start = 1; ; ) {
    const slash = path.indexOf('/', start)
    if (slash < 0 && start === path.length)
      throw new ProtocolError('spiffe_path_trailing_slash', 'expected a segment after the last slash of the path')
    const end = slash < 0 ? path.length : slash
    checkSegment(path, start, end)
    if (slash < 0) return
    start = end + 1
  }
}

function checkLength(bytes: number): void {
  if (bytes > MAX_SPIFFE_ID_BYTES)
    throw new ProtocolError('spiffe_id_too_long', `expected at most ${MAX_SPIFFE_ID_BYTES} bytes, got ${bytes}`)
}

/** The name of a trust domain, in lower case: a value that cannot be wrong. */
export class TrustDomain {
  readonly #name: string

  private constructor(name: string) {
    checkTrustDomain(name)
    this.#name = name
  }

  /**
   * A trust domain from its bare name, such as `example.org`.
   *
   * @throws ProtocolError `trust_domain_missing`, `trust_domain_too_long`, `trust_domain_character` (SPIFFE-ID, 2.1)
   */
  static parse(name: string): TrustDomain {
    return new TrustDomain(name)
  }

  get name(): string {
    return this.#name
  }

  equals(other: TrustDomain): boolean {
    return this.#name === other.#name
  }

  toString(): string {
    return this.#name
  }

  toJSON(): string {
    return this.#name
  }
}

/**
 * A SPIFFE ID: a value that cannot be wrong. The path is either empty (the ID of the trust domain itself) or begins with
 * a slash. Two IDs are the same when all their bytes are.
 */
export class SpiffeId {
  readonly #trustDomain: TrustDomain
  readonly #path: string

  private constructor(trustDomain: TrustDomain, path: string) {
    checkLength(SCHEME.length + trustDomain.name.length + path.length)
    if (path !== '') checkPath(path)
    this.#trustDomain = trustDomain
    this.#path = path
  }

  /**
   * A SPIFFE ID from its URI. Only lower-case scheme and trust domain are accepted: the standard compares them without
   * case, its implementations do not, and an identity must not depend on who reads it.
   *
   * @throws ProtocolError `spiffe_id_scheme`, `spiffe_id_too_long`, `trust_domain_*`, `spiffe_path_*` (SPIFFE-ID, 2)
   */
  static parse(uri: string): SpiffeId {
    checkLength(uri.length)
    if (!uri.startsWith(SCHEME))
      throw new ProtocolError('spiffe_id_scheme', `expected ${SCHEME} at the start of a SPIFFE ID`)
    const slash = uri.indexOf('/', SCHEME.length)
    const end = slash < 0 ? uri.length : slash
    return new SpiffeId(TrustDomain.parse(uri.slice(SCHEME.length, end)), uri.slice(end))
  }

  /**
   * The SPIFFE ID of `trustDomain` with these path segments; without any, the ID of the trust domain itself.
   *
   * @throws ProtocolError `spiffe_path_*` for a segment that is not allowed, `spiffe_id_too_long`
   */
  static of(trustDomain: TrustDomain, ...segments: readonly string[]): SpiffeId {
    // Judged one by one before they are joined, so that a slash inside of a segment cannot make two of it.
    for (const segment of segments) checkSegment(segment, 0, segment.length)
    return new SpiffeId(trustDomain, segments.map(segment => `/${segment}`).join(''))
  }

  get trustDomain(): TrustDomain {
    return this.#trustDomain
  }

  /** Empty, or `/` and the segments with one slash between two. */
  get path(): string {
    return this.#path
  }

  get segments(): readonly string[] {
    return this.#path === '' ? [] : this.#path.slice(1).split('/')
  }

  equals(other: SpiffeId): boolean {
    return this.#path === other.#path && this.#trustDomain.equals(other.#trustDomain)
  }

  memberOf(trustDomain: TrustDomain): boolean {
    return this.#trustDomain.equals(trustDomain)
  }

  toString(): string {
    return `${SCHEME}${this.#trustDomain.name}${this.#path}`
  }

  toJSON(): string {
    return this.toString()
  }
}
