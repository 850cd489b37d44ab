import { createHash, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import {
  authorityKeyId,
  basicConstraints,
  Certificate,
  EMPTY_NAME,
  encodeName,
  encodePem,
  extendedKeyUsage,
  fromHex,
  keyIdentifier,
  keyUsage,
  type LanyardIdentity,
  lanyardIdentity,
  parsePublicKey,
  type Signer,
  signCertificate,
  subjectAltName,
  subjectKeyId,
} from '@lanyard/protocol'
import { nodeCrypto, nodeSigner, spkiOf } from '@lanyard/protocol/node'
import { Svid } from '../identity/svid.ts'

export interface LeafRequest {
  readonly spki: Uint8Array
  readonly uri?: readonly string[]
  readonly dns?: readonly string[]
  readonly ip?: readonly Uint8Array[]
  /** What a death can concern. */
  readonly lanyard?: LanyardIdentity
  /** Unix seconds. */
  readonly notBefore: number
  readonly notAfter: number
}

const YEAR = 365 * 86_400

/** A key that takes no time to make. */
export const ecKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

/** A certificate authority for tests: a root, an intermediate, and leaves as asked for, right or wrong. */
export class TestCa {
  readonly trustDomain: string
  readonly #rootKey: KeyObject
  readonly #root: Certificate
  readonly #issuerKey = ecKey()
  readonly #issuer: Certificate
  /** PEM. */
  readonly bundle: string
  readonly chain: string
  /** Hex. */
  readonly rootSha256: string

  constructor(trustDomain = 'example.org') {
    this.trustDomain = trustDomain
    const rootKey = ecKey()
    const root = sign(rootKey, encodeName([['CN', `${trustDomain} root`]]), null, { key: rootKey, pathLen: 1 })
    this.#issuer = sign(rootKey, encodeName([['CN', `${trustDomain} issuer`]]), root, {
      key: this.#issuerKey,
      pathLen: 0,
    })
    this.#rootKey = rootKey
    this.#root = root
    this.bundle = pem(root)
    this.chain = pem(this.#issuer)
    this.rootSha256 = createHash('sha256').update(root.der).digest('hex')
  }

  /** The SPIFFE ID of an agent. */
  id(tenant: string, agent: string): string {
    return `spiffe://${this.trustDomain}/tenant/${tenant}/agent/${agent}`
  }

  leaf(request: LeafRequest): Certificate {
    const { uri = [], dns = [], ip = [], lanyard } = request
    const der = signCertificate(
      {
        serial: Uint8Array.of(0x4a, ...randomBytes(15)),
        issuer: this.#issuer.subject.der,
        subject: EMPTY_NAME,
        notBefore: request.notBefore,
        notAfter: request.notAfter,
        spki: request.spki,
        extensions: [
          basicConstraints({ ca: false }),
          keyUsage(['digitalSignature']),
          extendedKeyUsage(['serverAuth', 'clientAuth']),
          authorityKeyId(identifier(spkiOf(this.#issuerKey))),
          subjectAltName({ uri, dns, ip }, true),
          ...(lanyard === undefined ? [] : [lanyardIdentity(lanyard)]),
        ],
      },
      nodeSigner(this.#issuerKey),
    ) as Uint8Array
    return Certificate.fromDer(der)
  }

  /** An identity that is there already: five minutes from now, unless it says otherwise (Unix seconds). */
  svid(id: string, options: SvidOptions = {}): Svid {
    const { notBefore = seconds() - 10, notAfter = seconds() + 300, incarnation = 1, lineage = LINEAGE } = options
    const privateKey = ecKey()
    const lanyard = { incarnation, lineage: fromHex(lineage) }
    const leaf = this.leaf({ spki: spkiOf(privateKey), uri: [id], lanyard, notBefore, notAfter })
    return Svid.of({ certificate: pem(leaf), chain: this.chain, bundle: this.bundle, privateKey })
  }

  /** A key that an instance signs its lines with, certified under the root. */
  feedKey(instance: string): { readonly kid: string; readonly signer: Signer; readonly x5c: readonly Certificate[] } {
    const key = ecKey()
    const der = signCertificate(
      {
        serial: Uint8Array.of(0x4a, ...randomBytes(15)),
        issuer: this.#root.subject.der,
        subject: EMPTY_NAME,
        notBefore: seconds() - YEAR,
        notAfter: seconds() + YEAR,
        spki: spkiOf(key),
        extensions: [
          basicConstraints({ ca: false }),
          keyUsage(['digitalSignature']),
          extendedKeyUsage(['lanyardFeed']),
          authorityKeyId(identifier(spkiOf(this.#rootKey))),
          subjectAltName({ uri: [`spiffe://${this.trustDomain}/lanyard/feed/${instance}`], dns: [], ip: [] }, true),
        ],
      },
      nodeSigner(this.#rootKey),
    ) as Uint8Array
    return { kid: randomBytes(8).toString('hex'), signer: nodeSigner(key), x5c: [Certificate.fromDer(der)] }
  }
}

/** How a certificate differs from a sound one. */
export interface SvidOptions {
  readonly notBefore?: number
  readonly notAfter?: number
  readonly incarnation?: number
  /** Hex. */
  readonly lineage?: string
}

const LINEAGE = '0123456789abcdef'.repeat(2)

export const pem = (certificate: Certificate): string => encodePem('CERTIFICATE', certificate.der)

const seconds = () => Math.floor(Date.now() / 1000)
const identifier = (spki: Uint8Array) => keyIdentifier(parsePublicKey(spki).keyBits, nodeCrypto)

function sign(
  signerKey: KeyObject,
  subject: Uint8Array,
  issuer: Certificate | null,
  { key, pathLen }: { readonly key: KeyObject; readonly pathLen: number },
): Certificate {
  const der = signCertificate(
    {
      serial: Uint8Array.of(0x4a, ...randomBytes(15)),
      issuer: issuer?.subject.der ?? subject,
      subject,
      notBefore: seconds() - YEAR,
      notAfter: seconds() + 10 * YEAR,
      spki: spkiOf(key),
      extensions: [
        basicConstraints({ ca: true, pathLen }),
        keyUsage(['keyCertSign', 'cRLSign']),
        subjectKeyId(identifier(spkiOf(key))),
        authorityKeyId(identifier(spkiOf(signerKey))),
      ],
    },
    nodeSigner(signerKey),
  ) as Uint8Array
  return Certificate.fromDer(der)
}
