import { BoundedMap } from '../bounded-map.ts'
import { toHex } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import { readCompactWithChain, type UnverifiedJws, type VerifyKey, verifyRead } from '../jose/jws.ts'
import type { Crypto } from '../ports.ts'
import type { TrustDomain } from '../spiffe/id.ts'
import type { Certificate } from '../x509/certificate.ts'
import { FEED_LINE_TYP, MAX_FEED_LINE_BYTES, parseFeedLine } from './line.ts'
import { chainOf, keyOf, proveOwn, requireTyp } from './proof.ts'
import type { FeedLine } from './types.ts'

/** Keys remembered at once; an instance has one at a time. */
const MAX_KEYS = 64

interface KnownKey {
  readonly key: VerifyKey
  readonly leaf: Certificate
  readonly root: Certificate
  /** The instance that its certificate names. */
  readonly instance: string
}

export interface FeedTrust {
  readonly trustDomain: TrustDomain
  /** Those that are trusted at this moment. */
  readonly roots: () => readonly Certificate[]
  readonly crypto: Crypto
  /** Whether the key with this identifier (hex) belongs to an instance that was put out of service; none is when absent. */
  readonly isEvicted?: (keyId: string) => boolean
}

/**
 * Believes lines of one trust domain's feed. A line that brings the certificate of its key introduces the key; later
 * lines need only name it.
 */
export class FeedVerifier {
  readonly #trust: FeedTrust
  readonly #known = new BoundedMap<string, KnownKey>(MAX_KEYS)

  constructor(trust: FeedTrust) {
    this.#trust = trust
  }

  /**
   * The line, once its key is proved to be of the instance that it names and its signature holds. `at` is the present in
   * Unix milliseconds.
   *
   * @throws ProtocolError `feed_line_invalid`, `jws_*`, `json_*`, `der_*`, `extended_key_usage_forbidden`, `svid_uri_*`,
   *   `spiffe_*`, and as {@link verifyChain}
   */
  verify(token: string, at: number): FeedLine {
    const jws = readCompactWithChain(token, MAX_FEED_LINE_BYTES)
    requireTyp(jws.header, FEED_LINE_TYP)
    const known = jws.header.x5c === undefined ? this.#remembered(jws, at) : this.#introduced(jws, at)
    this.#requireInService(known)
    const line = parseFeedLine(verifyRead(jws, known.key, this.#trust.crypto))
    if (line.instance !== known.instance)
      throw new ProtocolError('feed_line_invalid', `expected a line of instance ${known.instance}, got another`)
    this.#remember(jws.header.kid, known)
    return line
  }

  // Whoever took the key of an evicted instance along could go on saying that nobody died.
  #requireInService({ leaf, instance }: KnownKey): void {
    const { subjectKeyId } = leaf
    if (subjectKeyId !== undefined && this.#trust.isEvicted?.(toHex(subjectKeyId)))
      throw new ProtocolError('feed_line_invalid', `instance ${instance} was put out of service`)
  }

  #remembered({ header }: UnverifiedJws, at: number): KnownKey {
    const known = this.#known.get(header.kid)
    if (known === undefined) throw new ProtocolError('jws_key_unknown', 'expected a key that a line has introduced')
    const second = Math.floor(at / 1000)
    if (!(second >= known.leaf.notBefore && second <= known.leaf.notAfter))
      throw new ProtocolError('certificate_expired', `the key of this line is for another time than ${second}`)
    if (!this.#trust.roots().some(root => root === known.root || root.equals(known.root)))
      throw new ProtocolError('chain_untrusted', 'the root above the key of this line is trusted no longer')
    return known
  }

  #introduced(jws: UnverifiedJws, at: number): KnownKey {
    const { trustDomain, roots, crypto } = this.#trust
    const chain = chainOf(jws.header, 'feed_line_invalid')
    const { id, path } = proveOwn(chain, 'lanyardFeed', { trustDomain, roots: roots(), at }, crypto)
    const [first, second, instance, ...more] = id.segments
    if (first !== 'lanyard' || second !== 'feed' || instance === undefined || more.length > 0)
      throw new ProtocolError('spiffe_id_mismatch', `expected /lanyard/feed/ and an instance, got ${id.path}`)
    const leaf = path[0]!
    return { key: keyOf(leaf), leaf, root: path.at(-1)!, instance }
  }

  /** Only once the signature held: a stranger may repeat a certificate, and must not fill the memory with it. */
  #remember(kid: string, known: KnownKey): void {
    if (this.#known.get(kid) !== known) this.#known.set(kid, known)
  }
}
