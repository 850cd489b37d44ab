import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import type { NodeEntry } from '@lanyard/api'
import {
  authorityKeyId,
  Bundle,
  basicConstraints,
  Certificate,
  EMPTY_NAME,
  encodeName,
  encodePem,
  extendedKeyUsage,
  fromHex,
  type JsonValue,
  keyIdentifier,
  keyUsage,
  lanyardIdentity,
  parsePublicKey,
  type SpiffeId,
  signCertificate,
  signJwt,
  signJwtSvid,
  subjectAltName,
  subjectKeyId,
  TrustDomain,
  toHex,
  tokenAuthority,
} from '@lanyard/protocol'
import { nodeCrypto, nodeSigner, spkiOf } from '@lanyard/protocol/node'
import type { HeldSvid } from '../ports.ts'

const YEAR = 365 * 86_400

/** How an SVID of the fake differs from the usual one. */
export interface FakeSvid {
  /** Seconds from now. */
  readonly ttlSec?: number
  readonly keyType?: 'P-256' | 'RSA'
  readonly dns?: readonly string[]
  readonly hint?: string | null
}

/** A trust domain for tests: a root, an intermediate, the keys of both kinds of token, and whatever they are asked to sign. */
export class FakeTrustDomain {
  readonly trustDomain: TrustDomain
  readonly root: Certificate
  readonly issuer: Certificate
  readonly #issuerKey = ecKey()
  readonly #jwtKey = ecKey()
  readonly #witKey = ecKey()
  /** Unix milliseconds. */
  readonly #now: () => number
  #sequence = 1n

  constructor(name = 'example.org', now: () => number = Date.now) {
    this.trustDomain = TrustDomain.parse(name)
    this.#now = now
    const rootKey = ecKey()
    this.root = this.#ca(`${name} root`, rootKey, null, rootKey, 1)
    this.issuer = this.#ca(`${name} issuer`, rootKey, this.root, this.#issuerKey, 0)
  }

  /** PEM of the root. */
  get rootPem(): string {
    return encodePem('CERTIFICATE', this.root.der)
  }

  /** What others believe SVIDs of this trust domain by. */
  get bundle(): Bundle {
    return Bundle.of({
      trustDomain: this.trustDomain,
      x509Authorities: [this.root],
      jwtAuthorities: new Map([['jwt-1', tokenAuthority(spkiOf(this.#jwtKey))]]),
      witAuthorities: new Map([['wit-1', tokenAuthority(spkiOf(this.#witKey))]]),
      sequence: this.#sequence,
      refreshHint: 60,
    })
  }

  /** The next bundle has another sequence number. */
  advance(): void {
    this.#sequence += 1n
  }

  /** A new SVID of an entry, with a new key. */
  svid(entry: NodeEntry, id: SpiffeId, wish: FakeSvid = {}): HeldSvid {
    const key = wish.keyType === 'RSA' ? rsaKey() : ecKey()
    const lineage = toHex(randomBytes(16))
    const leaf = this.certify(spkiOf(key), id, { ...wish, lineage })
    return {
      entry,
      id,
      chain: [leaf, this.issuer],
      key,
      keyDer: key.export({ format: 'der', type: 'pkcs8' }),
      lineage,
      incarnation: 1,
      serial: leaf.serialHex,
      notBefore: leaf.notBefore,
      notAfter: leaf.notAfter,
      hint: wish.hint === undefined ? entry.hint : wish.hint,
    }
  }

  /** A leaf for a key (DER). */
  certify(spki: Uint8Array, id: SpiffeId, { ttlSec = 300, dns = [], lineage }: FakeSvid & { lineage: string }) {
    const validity = { notBefore: this.#seconds() - 10, notAfter: this.#seconds() + ttlSec }
    return this.#sign(this.#issuerKey, this.issuer.subject.der, EMPTY_NAME, spki, validity, [
      basicConstraints({ ca: false }),
      keyUsage(['digitalSignature']),
      extendedKeyUsage(['serverAuth', 'clientAuth']),
      authorityKeyId(identifier(spkiOf(this.#issuerKey))),
      subjectAltName({ uri: [id.toString()], dns: [...dns], ip: [] }, true),
      lanyardIdentity({ incarnation: 1, lineage: fromHex(lineage) }),
    ])
  }

  /** A JWT-SVID; `expiresAt` is in Unix seconds. */
  jwt(id: SpiffeId, audience: readonly string[], expiresAt: number): string {
    const input = { id, audience, kid: 'jwt-1', issuedAt: this.#seconds(), expiresAt }
    return signJwtSvid(input, nodeSigner(this.#jwtKey)) as string
  }

  /** A WIT-SVID for a key. */
  wit(id: SpiffeId, jwk: JsonValue, expiresAt: number): string {
    const claims = { sub: id.toString(), exp: expiresAt, cnf: { jwk } }
    return signJwt({ typ: 'wit+jwt', kid: 'wit-1', claims }, nodeSigner(this.#witKey)) as string
  }

  #seconds(): number {
    return Math.floor(this.#now() / 1000)
  }

  #ca(name: string, signingKey: KeyObject, above: Certificate | null, key: KeyObject, pathLen: number): Certificate {
    const subject = encodeName([['CN', name]])
    const validity = { notBefore: this.#seconds() - YEAR, notAfter: this.#seconds() + 10 * YEAR }
    return this.#sign(signingKey, above?.subject.der ?? subject, subject, spkiOf(key), validity, [
      basicConstraints({ ca: true, pathLen }),
      keyUsage(['keyCertSign', 'cRLSign']),
      subjectKeyId(identifier(spkiOf(key))),
      authorityKeyId(identifier(spkiOf(signingKey))),
    ])
  }

  #sign(
    by: KeyObject,
    issuer: Uint8Array,
    subject: Uint8Array,
    spki: Uint8Array,
    validity: { readonly notBefore: number; readonly notAfter: number },
    extensions: readonly Uint8Array[],
  ): Certificate {
    const serial = Uint8Array.of(0x4a, ...randomBytes(15))
    const input = { serial, issuer, subject, ...validity, spki, extensions }
    return Certificate.fromDer(signCertificate(input, nodeSigner(by)) as Uint8Array)
  }
}

const ecKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const rsaKey = (): KeyObject => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const identifier = (spki: Uint8Array) => keyIdentifier(parsePublicKey(spki).keyBits, nodeCrypto)
