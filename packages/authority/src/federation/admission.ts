import type { Act } from '../caller.ts'
import { eventOf } from '../event.ts'
import type { AdmissionState, Rows, Step } from '../ports.ts'
import { requireTenantState } from '../registry/tenants.ts'
import { endInternal } from './switch.ts'

/** How agents of a tenant get identities, and what of it is on now. */
export interface Admitting extends AdmissionState {
  readonly federates: boolean
  /** Lineages that no provider vouched for, and that go on. */
  readonly internalLineages: number
}

/** Throws `name_invalid`, `tenant_mismatch`, `tenant_unknown`. `at` in Unix milliseconds. */
export function* showAdmission(rows: Rows, tenant: string, act: Pick<Act, 'caller' | 'at'>): Step<Admitting> {
  yield* requireTenantState(rows, tenant, act)
  return {
    ...(yield* rows.admissions.find(tenant)),
    federates: yield* rows.idps.federates(tenant),
    internalLineages: yield* rows.lineages.countInternal(tenant, act.at),
  }
}

/**
 * Changes it. Asked to `end`, what began internally ends in this transaction, where a provider vouches already. Throws
 * `name_invalid`, `tenant_mismatch`, `tenant_unknown`.
 */
export function* updateAdmission(
  rows: Rows,
  tenant: string,
  change: { readonly [K in keyof Omit<AdmissionState, 'tenant'>]?: AdmissionState[K] | undefined },
  act: Act,
): Step<Admitting> {
  yield* requireTenantState(rows, tenant, act)
  const before = yield* rows.admissions.find(tenant)
  const given = Object.entries(change).filter(([, value]) => value !== undefined)
  const after: AdmissionState = { ...before, ...Object.fromEntries(given) }
  yield* rows.admissions.put(after)
  const detail = { before: describe(before), after: describe(after) }
  yield* rows.events.append(eventOf(act, 'admission.updated', { tenant }, detail))
  if (change.onFederation === 'end' && (yield* rows.idps.federates(tenant))) yield* endInternal(rows, tenant, act)
  return yield* showAdmission(rows, tenant, act)
}

const describe = ({ onFederation, agentMtlsRequired, agentMtlsCa }: AdmissionState) => ({
  on_federation: onFederation,
  agent_mtls_required: agentMtlsRequired,
  agent_mtls_ca: agentMtlsCa,
})
