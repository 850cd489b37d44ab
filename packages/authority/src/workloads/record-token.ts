import { LanyardError, type Tier } from '@lanyard/api'
import type { WorkloadCaller } from '../caller.ts'
import { type Deed, eventOf } from '../event.ts'
import { activate } from '../issue/record.ts'
import { subjectWith } from '../issue/subject.ts'
import { deadAmong } from '../kill/deaths.ts'
import { requireAlive, requireOpenLineage } from '../liveness.ts'
import type { LineageState, Rows, Step, Subject } from '../ports.ts'
import { insertLineage } from './lineage.ts'
import { requireStillServed } from './served.ts'

/** A token that is signed and waits for its record. */
export interface SignedToken {
  readonly type: 'jwt.issued' | 'wit.issued'
  readonly caller: WorkloadCaller
  /** As it was when the token was signed. */
  readonly lineage: LineageState
  /** That the lifetime was judged by. */
  readonly tier: Tier
  /** Whether the lineage is opened with this token. */
  readonly opens: boolean
  /** Key id of the authority that this instance issues certificates with: dead once the instance is evicted. */
  readonly issuerKeyId: string
  /** Thumbprint of the key that the token is bound to; null: it is bound to none. */
  readonly keyThumbprint: string | null
  readonly detail: Readonly<Record<string, unknown>>
}

/**
 * Records a token, asking the gate again inside the transaction, as for certificates. Throws, with nothing written, what
 * the liveness gate and {@link requireStillServed} throw, `lineage_forked`, `lineage_ended`, `key_killed`, `instance_evicted`,
 * `not_ready` when the tier fell meanwhile.
 */
export function* recordToken(rows: Rows, signed: SignedToken, deed: Deed): Step<void> {
  const { type, caller, opens, detail } = signed
  const subject = yield* standingOf(rows, signed)
  if (!subject) throw new LanyardError('lineage_ended', 'this lineage is not known')
  const tier = requireAlive(subject, caller.incarnation)
  if (tier !== signed.tier)
    throw new LanyardError('not_ready', `the tier changed from ${signed.tier} to ${tier} meanwhile`)
  requireOpenLineage(subject, deed.at)
  yield* requireStillServed(rows, caller, deed.at)
  yield* requireUnkilled(rows, signed)
  if (opens) yield* insertLineage(rows, subject.lineage, caller.entry, deed)
  yield* rows.events.append(eventOf(deed, type, subject.agent, detail))
  if (subject.agent.lifecycle === 'pending') yield* activate(rows, subject, deed)
}

const standingOf = (rows: Rows, { opens, lineage }: SignedToken): Step<Subject | undefined> =>
  opens ? subjectWith(rows, lineage) : rows.lineages.subject(lineage.id)

function* requireUnkilled(rows: Rows, { issuerKeyId, keyThumbprint }: SignedToken): Step<void> {
  const key = keyThumbprint === null ? [] : ([['key', keyThumbprint]] as const)
  const dead = yield* deadAmong(rows, [['issuer', issuerKeyId], ...key])
  if (dead.has(`issuer ${issuerKeyId}`)) throw new LanyardError('instance_evicted', 'this instance was evicted')
  if (dead.size > 0) throw new LanyardError('key_killed', 'this key was killed, and no token is bound to it')
}
