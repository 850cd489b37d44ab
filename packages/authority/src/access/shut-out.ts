import { LanyardError } from '@lanyard/api'
import { refusedAs } from '../concern.ts'
import type { BarState, Rows, Step } from '../ports.ts'

/** Who comes, by something that was issued at this time (Unix ms); null: nobody says when. */
interface Coming {
  readonly id: string
  readonly issuedAt: number | null
}

/** Where somebody is shut out now: null, everywhere. */
export const scopesBarred = (bars: readonly BarState[]): readonly (string | null)[] =>
  bars.filter(({ liftedAt }) => liftedAt === null).map(({ tenant }) => tenant)

/** Whether a grant in this tenant counts for whoever comes; null: in all. */
export type Admits = (tenant: string | null) => boolean

/**
 * Asks where a kill shut somebody out, or did once: then only what was issued after they were let in again counts, since
 * a kill does not end the token that was stolen. Gives which grants are left, and the refusal where none is. Throws
 * `principal_barred`, `credential_too_old` where they are shut out everywhere.
 */
export function* shutOutOf(rows: Rows, coming: Coming): Step<{ admits: Admits; refusal: () => LanyardError }> {
  const bars = (yield* rows.barredPrincipals.of(coming.id)).filter(bar => !outlives(bar, coming))
  const refusal = () => (scopesBarred(bars).length > 0 ? shutOut(coming.id) : tooOld(coming))
  if (bars.some(({ tenant, liftedAt }) => tenant === null && liftedAt === null)) throw shutOut(coming.id)
  if (bars.some(({ tenant }) => tenant === null)) throw tooOld(coming)
  return { admits: tenant => tenant === null || bars.every(bar => bar.tenant !== tenant), refusal }
}

const outlives = ({ liftedAt }: BarState, { issuedAt }: Coming): boolean =>
  liftedAt !== null && issuedAt !== null && issuedAt > liftedAt

const shutOut = (id: string) =>
  known(new LanyardError('principal_barred', `principal ${id} was shut out by a kill`), id)

function tooOld({ id, issuedAt }: Coming): LanyardError {
  const got = issuedAt === null ? 'one that does not say when it was issued' : 'an older one'
  const detail = `expected a credential that was issued after principal ${id} was let in again, got ${got}`
  return known(new LanyardError('credential_too_old', detail), id)
}

const known = (error: LanyardError, id: string) =>
  refusedAs(error, { agent: { tenant: null, agent: null }, actor: `principal:${id}`, type: 'access.refused' })
