import type { KeyObject } from 'node:crypto'
import { buildCsr, encodePem } from '@lanyard/protocol'
import { nodeSigner } from '@lanyard/protocol/node'
import type { Authority, Credential } from '../client/authority.ts'
import type { CertificateReply } from '../client/reply.ts'
import { codeOf, IdentityError } from '../errors.ts'
import type { TimeSource } from '../time.ts'
import { Svid } from './svid.ts'
import { Voucher } from './voucher.ts'

/**
 * A request that was made up and has no answer yet. It is kept until there is one: the same key under the same
 * credential is a retry to the authority, any other key would fork the lineage.
 */
export interface Pending {
  readonly credential: Credential | Voucher
  readonly key: KeyObject
  readonly csr: string
}

export async function makePending<C extends Pending['credential']>(
  credential: C,
  key: KeyObject,
): Promise<Pending & { readonly credential: C }> {
  const csr = encodePem('CERTIFICATE REQUEST', await buildCsr(nodeSigner(key)))
  return { credential, key, csr }
}

/** A new certificate, and when to renew it: Unix milliseconds by the clock of this side. */
export interface Renewed {
  readonly svid: Svid
  readonly renewAt: number
}

/**
 * Sends a request once.
 *
 * @throws IdentityError as {@link Authority.issue}, and `reply_invalid` for a certificate that does not fit the request
 */
export async function send(
  pending: Pending,
  ttlSec: number | undefined,
  { authority, time, signal }: { authority: Authority; time: TimeSource; signal?: AbortSignal },
): Promise<Renewed> {
  const request = { csr: pending.csr, ...(ttlSec === undefined ? {} : { ttl_sec: ttlSec }) }
  const { credential } = pending
  const proved = credential instanceof Voucher ? await credential.open(authority, signal) : credential
  const { reply, serverTime } = await authority.issue(request, proved, signal)
  const svid = svidOf(reply, pending.key)
  authority.believe(svid.bundle)
  return { svid, renewAt: time.now() + waitOf(reply, serverTime) }
}

/** What the authority sent, held against what was asked: its key, its ID, its lifetime. */
function svidOf(reply: CertificateReply, key: KeyObject): Svid {
  let svid: Svid
  try {
    const { certificate, chain, bundle, reputation_tier: tier } = reply
    svid = Svid.of({ certificate, chain, bundle, privateKey: key, tier })
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : ''
    throw new IdentityError('reply_invalid', `the certificate does not hold: ${codeOf(cause)}: ${detail}`, { cause })
  }
  if (`${svid.id}` !== reply.spiffe_id || svid.serial !== reply.serial)
    throw new IdentityError('reply_invalid', 'the reply does not describe the certificate in it')
  return svid
}

const SOONEST_MS = 1_000

/**
 * How long to wait before the next renewal. Reckoned by the authority's clock alone, from its present to its
 * `renew_after`: so it is right also where this machine's clock is not.
 */
function waitOf(reply: CertificateReply, serverTime: number | null): number {
  // Issued at t for n seconds, a certificate ends at t + n - 1.
  const issuedAt = Date.parse(reply.not_after) + 1000 - reply.validity_sec * 1000
  const present = Math.max(issuedAt, serverTime ?? issuedAt)
  const wait = Date.parse(reply.renew_after) - present
  return Math.min(Math.max(wait, SOONEST_MS), reply.validity_sec * 1000)
}
