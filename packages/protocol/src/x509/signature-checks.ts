import type { Crypto } from '../ports.ts'
import type { ChainWork } from './chain-work.ts'
import type { PathMember } from './path-member.ts'

/** Signatures of one validation. Each pair of certificate and key is verified once, however many paths lead over it. */
export class SignatureChecks {
  readonly #crypto: Crypto
  readonly #work: ChainWork
  readonly #results = new Map<PathMember, Map<string, boolean>>()

  constructor(crypto: Crypto, work: ChainWork) {
    this.#crypto = crypto
    this.#work = work
  }

  /** Whether the key of `issuer` made the signature of `member`. The algorithm must be one that such a key makes. */
  areFrom(issuer: PathMember, member: PathMember): boolean {
    const results = this.#results.get(member) ?? new Map<string, boolean>()
    this.#results.set(member, results)
    const known = results.get(issuer.publicKey)
    if (known !== undefined) return known
    const holds = this.#verify(issuer, member)
    results.set(issuer.publicKey, holds)
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
