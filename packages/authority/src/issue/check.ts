import type { Tier } from '@lanyard/api'
import { LanyardError } from '@lanyard/api'
import type { PublicKeyInfo } from '@lanyard/protocol'
import { type DnsRules, requireDnsNames } from '../dns-names.ts'
import { requireKeyType } from '../key-policy.ts'
import { lifetimeFor, lifetimeWithin } from '../lifetime.ts'
import { requireAlive, requireOpenLineage } from '../liveness.ts'
import type { Subject } from '../ports.ts'
import { isoTime } from '../time.ts'
import { isOfNode } from '../workloads/lineage.ts'
import type { IssueCaller } from './request.ts'

/** What was granted, to whom, for how long. */
export interface Grant {
  readonly subject: Subject
  readonly caller: IssueCaller
  /** Whether the lineage is opened with this certificate. */
  readonly opens: boolean
  readonly key: PublicKeyInfo
  /** RFC 7638, base64url. */
  readonly keyThumbprint: string
  /** Host names beside the SPIFFE ID. */
  readonly dnsNames: readonly string[]
  readonly tier: Tier
  readonly ttlSec: number
  /** Unix milliseconds: the moment that all was judged at, and that the lifetime counts from. */
  readonly at: number
}

/** The only way to a signature, good for one: it can be made by {@link check} alone, so the wrong order cannot be written. */
export interface Clearance {
  /** The grant, once; throws from the second time on. */
  take(): Grant
}

class OneUse implements Clearance {
  #grant: Grant | null

  constructor(grant: Grant) {
    this.#grant = grant
  }

  take(): Grant {
    const grant = this.#grant
    if (grant === null) throw new Error('this clearance has served its certificate')
    this.#grant = null
    return grant
  }
}

// Who holds a Clearance that is not in here has written one by hand.
const genuine = new WeakSet<Clearance>()

/** The grant of a clearance that {@link check} made; throws for any other object and for a second use. */
export function redeem(clearance: Clearance): Grant {
  if (!genuine.has(clearance)) throw new Error('expected a clearance made by check()')
  return clearance.take()
}

/** What is asked for. */
export interface Asked extends Omit<Grant, 'tier' | 'ttlSec'>, DnsRules {
  readonly ttlSec: number | undefined
}

/**
 * Judges a request: liveness gate, lineage, age of the credential, key policy, names, lifetime. Throws `tenant_killed`,
 * `agent_quarantined`, `agent_retired`, `incarnation_dead`, `lineage_forked`, `lineage_ended`, `certificate_expired`,
 * `permission_missing`, `key_type_forbidden`, `dns_name_forbidden`, `ttl_out_of_range`.
 */
export function check(asked: Asked): Clearance {
  const { caller, subject, at } = asked
  const tier = requireAlive(subject, caller.incarnation)
  requireOpenLineage(subject, at)
  requireOwnDoor(caller, subject)
  requireFresh(caller, subject, tier, at)
  requireKeyType(subject.tenant.keyPolicy, asked.key)
  requireDnsNames(asked.dnsNames, asked)
  const ttlSec = caller.kind === 'workload' ? lifetimeWithin(tier, asked.ttlSec) : lifetimeFor(tier, asked.ttlSec)
  const clearance = new OneUse({ ...asked, tier, ttlSec })
  genuine.add(clearance)
  return clearance
}

/**
 * What a node got for a workload renews through that node: the workload holds the key, and would else outlive its entry,
 * its launch and its node by renewing for itself.
 */
function requireOwnDoor(caller: IssueCaller, { lineage }: Subject): void {
  if (caller.kind === 'workload' || !isOfNode(lineage)) return
  const detail = 'expected the node to renew it: this certificate was issued to a workload of a node'
  throw new LanyardError('permission_missing', detail, { permission: 'cert.issue' })
}

/**
 * A certificate may renew a while after its end, so that sleep and outages heal without a person; not in the
 * restricted tier. A token may not, nor the certificate of a node that asks for a workload. Throws `certificate_expired` or `token_expired`, with the server's time and the skew.
 */
export function requireFresh(caller: IssueCaller, { tenant }: Pick<Subject, 'tenant'>, tier: Tier, at: number): void {
  const graceSec = caller.kind !== 'agent-certificate' || tier === 'restricted' ? 0 : tenant.renewalGraceSec
  if (at < caller.expiresAt + graceSec * 1000) return
  const late = Math.ceil((at - caller.expiresAt) / 1000)
  throw new LanyardError(
    caller.kind === 'agent-token' ? 'token_expired' : 'certificate_expired',
    `expected a credential that ended at most ${graceSec} s ago, got one that ended ${late} s ago`,
    { server_time: isoTime(at), skew_sec: late },
  )
}
