import { createPrivateKey, type KeyObject } from 'node:crypto'
import type { NodeCredential as Reply } from '@lanyard/api'
import { equalBytes, SpiffeId } from '@lanyard/protocol'
import { spkiOf } from '@lanyard/protocol/node'
import { certificatesOf, type LinkCredential } from '@lanyard/sdk/authority'

/** What the node proves itself with to the authority: the key that it attested with, and its newest certificate. */
export class NodeCredential implements LinkCredential {
  readonly reply: Reply
  readonly id: SpiffeId
  readonly bundle: string
  /** Unix milliseconds. */
  readonly notAfter: number
  readonly renewAfter: number
  // Private to the class, so that it is in no log and no dump.
  readonly #key: KeyObject

  private constructor(reply: Reply, key: KeyObject, bundle: string) {
    this.reply = reply
    this.id = SpiffeId.parse(reply.spiffe_id)
    this.bundle = bundle
    this.notAfter = Date.parse(reply.not_after)
    this.renewAfter = Date.parse(reply.renew_after)
    this.#key = key
  }

  /** @throws ProtocolError, TypeError for a reply that does not fit the key */
  static of(reply: Reply, key: KeyObject): NodeCredential {
    const [leaf] = certificatesOf(reply.certificate)
    if (leaf === undefined || !equalBytes(leaf.publicKey.der, spkiOf(key)))
      throw new TypeError('expected the certificate of the own key, got that of another')
    const credential = new NodeCredential(reply, key, reply.bundle)
    if (Number.isNaN(credential.notAfter) || Number.isNaN(credential.renewAfter))
      throw new TypeError('expected times in RFC 3339')
    return credential
  }

  /** From {@link NodeCredential.toText}; throws as {@link NodeCredential.of}. */
  static parse(text: string): NodeCredential {
    const { key, ...reply } = JSON.parse(text) as Reply & { key: string }
    return NodeCredential.of(reply, createPrivateKey(key))
  }

  get name(): string {
    return this.reply.name
  }

  get certificate(): string {
    return this.reply.certificate
  }

  get chain(): string {
    return this.reply.chain
  }

  get key(): KeyObject {
    return this.#key
  }

  privateKeyPem(): string {
    return this.#key.export({ type: 'pkcs8', format: 'pem' }) as string
  }

  /** The same, believing these roots (PEM). */
  believing(bundle: string): NodeCredential {
    return new NodeCredential({ ...this.reply, bundle }, this.#key, bundle)
  }

  /** For the disk: with the key. */
  toText(): string {
    return JSON.stringify({ ...this.reply, key: this.privateKeyPem() })
  }

  toJSON() {
    const { name, spiffe_id, not_after } = this.reply
    return { name, spiffe_id, not_after }
  }
}
