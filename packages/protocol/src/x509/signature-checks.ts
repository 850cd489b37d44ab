import { equalBytes } from '../bytes.ts'
import type { Crypto } from '../ports.ts'
import type { ChainWork } from './chain-work.ts'
import type { PathMember } from './path-member.ts'

interface Result {
  readonly publicKey: Uint8Array
  readonly holds: boolean
}

/** Signatures of one validation. Each pair of certificate and key is verified once, however many paths lead over it. */
export class SignatureChecks {
  readonly #crypto: Crypto
  readonly #work: ChainWork
  readonly #results = new Map<PathMember, Result[]>()

  constructor(crypto: Crypto, work: ChainWork) {
    this.#crypto = crypto
    this.#work = work
  }

  /** Whether the key of `issuer` made the signature of `member`. The algorithm must be one that such a key makes. */
  areFrom(issuer: PathMember, member: PathMember): boolean {
    const results = this.#results.get(member) ?? []
    const known = results.find(({ publicKey }) => equalBytes(publicKey, issuer.publicKey))
    if (known) return known.holds
    const holds = this.#verify(issuer, member)
    results.push({ publicKey: issuer.publicKey, holds })
    this.#results.set(member, results)
    return holds
  }

  #verify(issuer: PathMember, { certificate }: PathMember): boolean {
    const { signatureAlgorithm, tbs, signature } = certificate
    const { type, der } = issuer.certificate.publicKey
    if (signatureAlgorithm === null || type === null || !signatureAlgorithm.keys.includes(type)) return false
    this.#work.countSignature()
    return this.#crypto.verify(signatureAlgorithm, der, tbs, signature, 'der')
  }
}
