import { type KeyObject, randomBytes } from 'node:crypto'
import type { SignatureAlgorithm } from '../algorithms.ts'
import { boolean, octetString, oid, sequence } from '../der/writer.ts'
import { encodePem } from '../pem.ts'
import { signCertificate } from '../x509/build.ts'
import { Certificate } from '../x509/certificate.ts'
import {
  authorityKeyId,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  nameConstraints,
  subjectAltName,
  subjectKeyId,
} from '../x509/extension-encoders.ts'
import type { GeneralNamesInput } from '../x509/general-names.ts'
import { EMPTY_NAME, encodeName } from '../x509/name.ts'
import { keyIdentifier, parsePublicKey } from '../x509/public-key.ts'
import { nodeCrypto, nodeSigner, spkiOf } from './crypto.ts'
import { generateKeyNow } from './generate.ts'

/** A present for tests, within every validity below: 2026-06-01T00:00:00Z in Unix seconds. */
export const TEST_TIME = Date.UTC(2026, 5, 1) / 1000
const DAY = 86_400

/** How a test certificate differs from a correct one. */
export interface TestCertificate {
  /** A common name, or an encoded Name. Made up when absent. */
  readonly subject?: string | Uint8Array
  /** Another issuer than the one who signs, as an encoded Name. */
  readonly issuer?: Uint8Array
  /** P-256, new, when absent. */
  readonly key?: KeyObject
  /** A public key that nobody needs to own. */
  readonly spki?: Uint8Array
  readonly notBefore?: number
  readonly notAfter?: number
  readonly serial?: Uint8Array
  readonly signedWith?: SignatureAlgorithm
  /** Of a CA. */
  readonly pathLen?: number
  readonly permitted?: GeneralNamesInput
  readonly excluded?: GeneralNamesInput
  /** For subjectAltName, critical beside an empty subject. */
  readonly names?: GeneralNamesInput
  /** Encoded extensions by any name: those of the defaults are replaced, or left out by null, all others are added. */
  readonly extensions?: Readonly<Record<string, Uint8Array | null>>
}

/** A certificate and its key, and what it signs: a real CA for tests, with no check of what it is asked to sign. */
export class TestIdentity {
  readonly certificate: Certificate
  readonly key: KeyObject

  constructor(certificate: Certificate, key: KeyObject) {
    this.certificate = certificate
    this.key = key
  }

  /** A self-signed CA. */
  static root(options: TestCertificate = {}): TestIdentity {
    const key = options.key ?? generateKeyNow('P-256')
    const subject = encodeSubject(options.subject ?? 'Test Root')
    return sign({ ...options, key, subject }, caExtensions(options, key, null), { key, name: subject })
  }

  /** A CA below this one. */
  ca(options: TestCertificate = {}): TestIdentity {
    const key = options.key ?? generateKeyNow('P-256')
    return sign({ ...options, key }, caExtensions(options, key, this), this.#signer())
  }

  /** An end entity below this one: a TLS server and client for `leaf.test` unless the options say otherwise. */
  leaf(options: TestCertificate = {}): TestIdentity {
    const key = options.key ?? generateKeyNow('P-256')
    return sign({ ...options, key }, leafExtensions(options, key, this), this.#signer())
  }

  /** The same subject and key under this issuer: a cross-certificate, or the same CA renewed. */
  certify(other: TestIdentity, options: TestCertificate = {}): TestIdentity {
    return this.ca({ subject: other.certificate.subject.der, key: other.key, ...options })
  }

  get pem(): string {
    return encodePem('CERTIFICATE', this.certificate.der)
  }

  get keyPem(): string {
    return this.key.export({ format: 'pem', type: 'pkcs8' }) as string
  }

  #signer(): { key: KeyObject; name: Uint8Array } {
    return { key: this.key, name: this.certificate.subject.der }
  }
}

/** An extension of any OID and content, for certificates that no encoder would make. */
export function rawExtension(type: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(oid(type), ...(critical ? [boolean(true)] : []), octetString(value))
}

function caExtensions(options: TestCertificate, key: KeyObject, issuer: TestIdentity | null) {
  const { pathLen, permitted, excluded } = options
  return {
    basicConstraints: basicConstraints(pathLen === undefined ? { ca: true } : { ca: true, pathLen }),
    keyUsage: keyUsage(['keyCertSign', 'cRLSign']),
    ...keyIdentifiers(options, key, issuer),
    nameConstraints:
      permitted || excluded ? nameConstraints({ permitted: permitted ?? {}, excluded: excluded ?? {} }) : null,
    subjectAltName: options.names ? subjectAltName(options.names, false) : null,
  }
}

function leafExtensions(options: TestCertificate, key: KeyObject, issuer: TestIdentity) {
  const critical = options.subject === ''
  return {
    basicConstraints: basicConstraints({ ca: false }),
    keyUsage: keyUsage(['digitalSignature']),
    extendedKeyUsage: extendedKeyUsage(['serverAuth', 'clientAuth']),
    ...keyIdentifiers(options, key, issuer),
    subjectAltName: subjectAltName(options.names ?? { dns: ['leaf.test'] }, critical),
  }
}

function keyIdentifiers(options: TestCertificate, key: KeyObject, issuer: TestIdentity | null) {
  const own = options.spki ?? spkiOf(key)
  return {
    subjectKeyId: subjectKeyId(identifierOf(own)),
    authorityKeyId: issuer ? authorityKeyId(identifierOf(spkiOf(issuer.key))) : null,
  }
}

const identifierOf = (spki: Uint8Array) => keyIdentifier(parsePublicKey(spki).keyBits, nodeCrypto)

function sign(
  options: TestCertificate & { readonly key: KeyObject },
  defaults: Readonly<Record<string, Uint8Array | null>>,
  by: { readonly key: KeyObject; readonly name: Uint8Array },
): TestIdentity {
  const extensions = Object.values({ ...defaults, ...options.extensions }).filter(extension => extension !== null)
  const input = {
    serial: options.serial ?? randomSerial(),
    issuer: options.issuer ?? by.name,
    subject: encodeSubject(options.subject ?? `Test ${randomBytes(4).toString('hex')}`),
    notBefore: options.notBefore ?? TEST_TIME - 30 * DAY,
    notAfter: options.notAfter ?? TEST_TIME + 30 * DAY,
    spki: options.spki ?? spkiOf(options.key),
    extensions,
  }
  // A key in memory signs at once.
  const der = signCertificate(input, nodeSigner(by.key, options.signedWith)) as Uint8Array
  return new TestIdentity(Certificate.fromDer(der), options.key)
}

function encodeSubject(subject: string | Uint8Array): Uint8Array {
  if (typeof subject !== 'string') return subject
  return subject === '' ? EMPTY_NAME : encodeName([['CN', subject]])
}

function randomSerial(): Uint8Array {
  return Uint8Array.of(0x5a, ...randomBytes(15))
}
