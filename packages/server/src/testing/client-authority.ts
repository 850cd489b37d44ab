import { type KeyObject, randomBytes } from 'node:crypto'
import {
  authorityKeyId,
  basicConstraints,
  Certificate,
  encodeName,
  encodePem,
  extendedKeyUsage,
  type GeneralNamesInput,
  keyIdentifier,
  keyUsage,
  parsePublicKey,
  signCertificate,
  subjectAltName,
  subjectKeyId,
} from '@lanyard/protocol'
import { generateKeyNow, nodeCrypto, nodeSigner, spkiOf } from '@lanyard/protocol/node'
import type { ClientTls } from './client.ts'
import { pemOf } from './http.ts'

const HOUR = 3600

/** How a certificate differs from a usual one. */
export interface ClientWish {
  /** The common name; empty: no subject at all. Made up when absent. */
  readonly subject?: string
  readonly names?: GeneralNamesInput
  readonly key?: KeyObject
  /** A public key that nobody needs to own. */
  readonly spki?: Uint8Array
  /** Unix seconds. */
  readonly notBefore?: number
  readonly notAfter?: number
  /** Encoded extensions in the place of the usual ones; null: none. */
  readonly extensions?: Readonly<Record<string, Uint8Array | null>>
}

/** A certificate and its key, which may sign others. */
export interface Issued {
  readonly certificate: Certificate
  readonly key: KeyObject
}

/** An authority of a company for the client certificates of its agents, or one below it. */
export class ClientAuthority {
  readonly certificate: Certificate
  readonly key: KeyObject
  /** From its own certificate up, without the root: none for the root. */
  readonly #chain: readonly Certificate[]

  private constructor({ certificate, key }: Issued, chain: readonly Certificate[]) {
    this.certificate = certificate
    this.key = key
    this.#chain = chain
  }

  /** A root. */
  static root(name = 'Agents of Acme'): ClientAuthority {
    const key = generateKeyNow('P-256')
    return new ClientAuthority(issue({ key, name, issuer: null, wish: {}, extensions: OF_AUTHORITY }), [])
  }

  get pem(): string {
    return pemOfAll([this.certificate])
  }

  /** What a client would present that had the key of the authority itself. */
  get tls(): ClientTls {
    return { key: pemOf(this.key), cert: pemOfAll(this.#chain.length === 0 ? [this.certificate] : this.#chain) }
  }

  /** A client certificate, valid for an hour around this moment, with its chain without the root. */
  client(wish: ClientWish): ClientTls {
    const made = this.#issue('client', wish, OF_CLIENT)
    return { key: pemOf(made.key), cert: pemOfAll([made.certificate, ...this.#chain]) }
  }

  /** An authority below this one. */
  below(wish: ClientWish = {}): ClientAuthority {
    const made = this.#issue('Team', wish, OF_AUTHORITY)
    return new ClientAuthority(made, [made.certificate, ...this.#chain])
  }

  #issue(name: string, wish: ClientWish, extensions: Extensions): Issued {
    return issue({ key: wish.key ?? generateKeyNow('P-256'), name, issuer: this, wish, extensions })
  }
}

type Extensions = Readonly<Record<string, Uint8Array>>

export const OF_AUTHORITY: Extensions = { basic: basicConstraints({ ca: true }), keyUsage: keyUsage(['keyCertSign']) }
export const OF_CLIENT: Extensions = {
  basic: basicConstraints({ ca: false }),
  keyUsage: keyUsage(['digitalSignature']),
  extendedKeyUsage: extendedKeyUsage(['clientAuth']),
}

interface Order {
  readonly key: KeyObject
  readonly name: string
  /** Null: it signs itself. */
  readonly issuer: Issued | null
  readonly wish: ClientWish
  readonly extensions: Extensions
}

const pemOfAll = (certificates: readonly Certificate[]) =>
  certificates.map(({ der }) => encodePem('CERTIFICATE', der)).join('')

const keyIdOf = (spki: Uint8Array) => keyIdentifier(parsePublicKey(spki).keyBits, nodeCrypto)

const commonName = (name: string, issuer: Issued | null) =>
  issuer === null ? name : `${name} ${randomBytes(4).toString('hex')}`

/** What a company's authority signs, as it is wished. */
export function issue({ key, name, issuer, wish, extensions }: Order): Issued {
  const now = Math.floor(Date.now() / 1000)
  const subject = encodeName(wish.subject === '' ? [] : [['CN', wish.subject ?? commonName(name, issuer)]])
  const spki = wish.spki ?? spkiOf(key)
  const all = {
    ...extensions,
    subjectKeyId: subjectKeyId(keyIdOf(spki)),
    ...(issuer && { authorityKeyId: authorityKeyId(keyIdOf(spkiOf(issuer.key))) }),
    ...(wish.names && { subjectAltName: subjectAltName(wish.names, wish.subject === '') }),
    ...wish.extensions,
  }
  const input = {
    ...{ subject, issuer: issuer?.certificate.subject.der ?? subject, spki },
    ...{ notBefore: wish.notBefore ?? now - HOUR, notAfter: wish.notAfter ?? now + HOUR },
    serial: randomBytes(16).fill(0x41, 0, 1),
    extensions: Object.values(all).filter(extension => extension !== null),
  }
  // A key in memory signs at once.
  const der = signCertificate(input, nodeSigner(issuer?.key ?? key)) as Uint8Array
  return { certificate: Certificate.fromDer(der), key }
}
