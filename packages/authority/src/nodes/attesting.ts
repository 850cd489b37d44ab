import { LanyardError } from '@lanyard/api'
import { jwkFromSpki, jwkThumbprint, toHex, verifyCsr, x509popMessage } from '@lanyard/protocol'
import type { NodeCaller } from '../caller.ts'
import { type Clock, exclusive, exclusiveAll, type Locks, type NodeScope, type Rows, type Store } from '../ports.ts'
import { type Claim, claimOfMachine, claimOfToken, recordNode, spent } from './attest.ts'
import { openChallenge, type Seal, sealChallenge } from './challenge.ts'
import { type CredentialPorts, certifyNode, credentialOfNode, type NodeCredential } from './credential.ts'
import { parseJoinToken } from './join-token.ts'
import { Knocks } from './knocks.ts'
import { nodeId } from './node-id.ts'
import { renewed } from './renew.ts'
import type { X509PopSettings } from './settings.ts'
import { proving, readMachine, requirePossession } from './x509pop.ts'

export interface AttestingPorts extends CredentialPorts {
  readonly store: Store
  readonly rows: Rows
  readonly clock: Clock
  readonly seal: Seal
}

/** By what a machine proves itself. Bytes are DER or raw. */
export type NodeProof =
  | { readonly method: 'join_token'; readonly token: string }
  | {
      readonly method: 'x509pop'
      readonly challenge: string
      /** PEM, leaf first. */
      readonly certificates: string
      readonly signature: Uint8Array
    }

/** Where a call came from. */
export interface Origin {
  readonly source: string | null
  readonly correlation: string | null
}

/**
 * The way in for machines. A certificate is signed before its row is written, so that a key that does not answer spends no
 * token, and leaves only after.
 */
export class Attesting {
  readonly #ports: AttestingPorts
  readonly #knocks = new Knocks()

  constructor(ports: AttestingPorts) {
    this.#ports = ports
  }

  /** What the key of this machine must sign. Throws `node_method_unavailable`, `node_proof_invalid`. */
  challenge(certificates: string): { readonly challenge: string; readonly nonce: string } {
    const { clock, crypto, trustDomain } = this.#ports
    const judge = { settings: this.#x509pop(), trustDomain, at: clock.now() }
    const { leaf } = readMachine(certificates, judge, crypto)
    return sealChallenge(leaf, clock.now(), this.#ports)
  }

  /**
   * Makes the machine a node, with the key of its request (PKCS #10, DER). Throws `node_method_unavailable`,
   * `node_proof_invalid`, `node_banned`, `node_exists`, `key_killed`, `rate_limited`, and those of the request.
   */
  async attest(proof: NodeProof, csr: Uint8Array, origin: Origin): Promise<NodeCredential> {
    const { store, rows, clock, crypto, dice, trustDomain, settings } = this.#ports
    const claim = await this.#claim(proof, csr)
    const machine = `${nodeId(trustDomain, claim)}`
    this.#knocks.add(machine, clock.now())
    const key = verifyCsr(csr, crypto)
    const at = clock.now()
    const made = await certifyNode(claim, key.der, at, this.#ports)
    const certified = {
      node: toHex(dice.bytes(16)),
      spiffeId: machine,
      spki: key.der,
      keyThumbprint: jwkThumbprint(jwkFromSpki(key.der), crypto),
      serial: made.certificate.serialHex,
      notAfter: made.certificate.notAfter,
    }
    const tells = (code: string) => this.#knocks.tell(machine, code)
    const step = () => recordNode(rows, claim, certified, { settings, tells, at, ...origin })
    const outcome = await store.write(step, locksOf(claim))
    if ('refused' in outcome) throw outcome.refused
    return credentialOfNode(outcome.node, made, at, dice)
  }

  /** Certifies the same key again. Throws `node_unknown`, `node_banned`, and `certificate_expired` beyond grace. */
  async renew(caller: NodeCaller, origin: Origin): Promise<NodeCredential> {
    const { clock, dice } = this.#ports
    const at = clock.now()
    const made = await certifyNode(caller, caller.spki, at, this.#ports)
    return credentialOfNode(await renewed(this.#ports, caller, made.certificate, { at, ...origin }), made, at, dice)
  }

  #claim(proof: NodeProof, csr: Uint8Array): Claim | Promise<Claim> {
    switch (proof.method) {
      case 'join_token':
        return this.#byToken(proof.token)
      case 'x509pop':
        return this.#byMachine(proof, csr)
      default:
        throw new LanyardError('node_method_unavailable', `unknown method ${String(proof satisfies never)}`)
    }
  }

  async #byToken(token: string): Promise<Claim> {
    const { store, rows, clock, crypto } = this.#ports
    const hash = parseJoinToken(token, crypto)
    const state = hash && (await store.read(() => rows.joinTokens.find(hash)))
    if (state === undefined || clock.now() >= state.expiresAt) throw spent()
    return claimOfToken(state)
  }

  #byMachine(proof: NodeProof & { readonly method: 'x509pop' }, csr: Uint8Array): Claim {
    const { clock, crypto, trustDomain } = this.#ports
    const settings = this.#x509pop()
    const machine = readMachine(proof.certificates, { settings, trustDomain, at: clock.now() }, crypto)
    const asked = proving(() => openChallenge(proof.challenge, machine.leaf, clock.now(), this.#ports))
    requirePossession(machine, x509popMessage(asked.nonce, csr, crypto), proof.signature, crypto)
    const { tenant, groups } = settings
    const provedBy = jwkThumbprint(jwkFromSpki(machine.leaf.publicKey.der), crypto)
    return claimOfMachine({ name: machine.name, tenant, groups }, provedBy, asked.at)
  }

  #x509pop(): X509PopSettings {
    const { x509pop } = this.#ports.settings
    if (x509pop !== null) return x509pop
    throw new LanyardError('node_method_unavailable', 'expected a join token: no authority of machines is configured')
  }
}

/** Two machines never become the same node, and none becomes one while it is banned. */
export const locksOf = ({ tenant }: Pick<NodeScope, 'tenant'>): Locks =>
  tenant === null ? exclusiveAll : exclusive(tenant)
