import { LanyardError } from '@lanyard/api'
import { actorOf } from '../caller.ts'
import { type Deed, eventOf } from '../event.ts'
import { requireUnkilledCredential } from '../kill/credential.ts'
import { deadAmong } from '../kill/deaths.ts'
import { type Place, placeByNode, placeByRenewal, placeByToken, type Refusal } from '../lineage.ts'
import { requireAlive, requireOpenLineage } from '../liveness.ts'
import type { CertificateState, Rows, Step, Subject } from '../ports.ts'
import { insertLineage } from '../workloads/lineage.ts'
import { requireStillServed } from '../workloads/served.ts'
import { type Grant, requireFresh } from './check.ts'
import { subjectWith } from './subject.ts'

/** A certificate that is signed and waits for its record. */
export interface Signed {
  readonly grant: Grant
  readonly issuerKeyId: string
  readonly serial: string
  readonly notBefore: number
  readonly notAfter: number
}

/**
 * Records a certificate, asking the gate again inside the transaction: what happened between the check and now (a kill,
 * a revocation, another renewal) decides. Gives null when recorded, or the refusal whose mark was recorded instead.
 * Throws, with nothing written, what {@link check} throws, `certificate_revoked`, `key_killed`, `instance_evicted`,
 * `not_ready` when the tier fell meanwhile, and for a workload what {@link requireStillServed} throws.
 */
export function* recordIssue(rows: Rows, signed: Signed, act: Deed): Step<LanyardError | null> {
  const { grant } = signed
  const subject = yield* claimed(rows, grant)
  if (!subject) throw new LanyardError('lineage_ended', 'this lineage is not known')
  const tier = requireAlive(subject, grant.caller.incarnation)
  if (tier !== grant.tier)
    throw new LanyardError('not_ready', `the tier changed from ${grant.tier} to ${tier} meanwhile`)
  requireOpenLineage(subject, act.at)
  requireFresh(grant.caller, subject, tier, grant.at)
  if (grant.caller.kind === 'workload') yield* requireStillServed(rows, grant.caller, act.at)
  yield* requireUnkilled(rows, signed)
  const place = yield* placeOf(rows, subject, signed)
  if (place.kind === 'refusal') {
    yield* mark(rows, subject, place, act)
    return place.error
  }
  if (grant.caller.kind === 'workload' && grant.opens)
    yield* insertLineage(rows, subject.lineage, grant.caller.entry, act)
  yield* rows.certificates.insert(rowOf(signed, subject, place, act))
  yield* advance(rows, subject, place, grant.keyThumbprint)
  if (subject.agent.lifecycle === 'pending') yield* activate(rows, subject, act)
  return null
}

// Claimed, so that of two renewals at once the second sees what the first made of the lineage.
const claimed = (rows: Rows, { opens, subject }: Grant): Step<Subject | undefined> =>
  opens ? subjectWith(rows, subject.lineage) : rows.lineages.claim(subject.lineage.id)

/** Neither the new key nor the instance that signed was killed, nor what the certificate that renews was made of. */
function* requireUnkilled(rows: Rows, { grant, issuerKeyId }: Signed): Step<void> {
  const { caller, keyThumbprint } = grant
  const dead = yield* deadAmong(rows, [
    ['key', keyThumbprint],
    ['issuer', issuerKeyId],
  ])
  if (dead.has(`issuer ${issuerKeyId}`))
    throw new LanyardError('instance_evicted', 'this instance was evicted, and its intermediate is dead')
  if (dead.size > 0) throw new LanyardError('key_killed', 'this key was killed, and is never certified again')
  if (caller.kind === 'agent-certificate') yield* requireUnkilledCredential(rows, caller)
}

function* placeOf(rows: Rows, { lineage }: Subject, { grant }: Signed): Step<Place | Refusal> {
  const { caller, keyThumbprint } = grant
  if (caller.kind === 'agent-token') return placeByToken(lineage, caller, keyThumbprint)
  const renewed = caller.kind === 'workload' ? caller.renews : caller
  if (renewed === null) return placeByNode(lineage, keyThumbprint)
  const parent = yield* rows.certificates.find(renewed.issuerKeyId, renewed.serial)
  if (!parent || parent.lineage !== lineage.id) {
    throw new LanyardError('lineage_ended', 'the record of this certificate has left the store')
  }
  if (parent.revokedAt !== null)
    throw new LanyardError('certificate_revoked', `certificate ${parent.serial} is revoked`)
  if (caller.kind === 'workload') yield* requireUnkilledCredential(rows, parent)
  return placeByRenewal(lineage, parent, keyThumbprint)
}

function* mark(rows: Rows, { lineage, agent }: Subject, refusal: Refusal, act: Deed): Step<void> {
  if (refusal.freeze) {
    const { generation, newestKey } = lineage
    yield* rows.lineages.change(lineage.id, { standing: 'frozen', generation, newestKey })
  }
  const detail = { code: refusal.error.code, lineage: lineage.id, generation: lineage.generation }
  yield* rows.events.append(eventOf(act, refusal.event, agent, detail, 'refused'))
}

// A retry stays in its generation and leaves the lineage as it is.
function* advance(rows: Rows, { lineage }: Subject, place: Place, key: string): Step<void> {
  if (place.generation === lineage.generation) return
  yield* rows.lineages.change(lineage.id, { standing: 'open', generation: place.generation, newestKey: key })
}

/** The first credential that an agent gets makes it active. */
export function* activate(rows: Rows, { agent }: Pick<Subject, 'agent'>, act: Deed): Step<void> {
  yield* rows.agents.update({ ...agent, lifecycle: 'active', updatedAt: act.at })
  yield* rows.events.append(eventOf(act, 'agent.activated', agent))
}

function rowOf({ grant, ...signed }: Signed, { agent, lineage }: Subject, place: Place, act: Deed): CertificateState {
  return {
    ...signed,
    tenant: agent.tenant,
    agent: agent.agent,
    spiffeId: agent.spiffeId,
    tier: grant.tier,
    issuedAt: grant.at,
    lineage: lineage.id,
    generation: place.generation,
    parent: place.parent,
    mintedBy: minterOf(grant.caller),
    incarnation: agent.incarnation,
    keyThumbprint: grant.keyThumbprint,
    revokedAt: null,
    revokedReason: null,
    source: act.source,
    correlation: act.correlation,
  }
}

function minterOf(caller: Grant['caller']): string {
  switch (caller.kind) {
    case 'agent-token':
      return `agent-token:${caller.jti}`
    case 'agent-certificate':
      return `certificate:${caller.serial}`
    case 'workload':
      return caller.renews === null ? actorOf(caller) : `certificate:${caller.renews.serial}`
    default:
      throw new TypeError(`unknown caller ${caller satisfies never}`)
  }
}
