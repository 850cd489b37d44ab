import { LanyardError } from '@lanyard/api'
import {
  type Act,
  type Caller,
  type CertificateCaller,
  type ExternalTokenCaller,
  exclusive,
  exclusiveAll,
  type Locks,
  type ManagerCaller,
  type NodeCaller,
  requireName,
  requireStanding,
  requireTenant,
  requireTenantState,
  type SecretCaller,
  type Step,
  type TokenCaller,
  tenantScope,
  withEpoch,
} from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'

/** What all calls of a proven caller have. */
export interface AnyCall {
  readonly caller: Caller
  readonly requestId: string
  readonly source: string
  /** The tenant of `X-Lanyard-Tenant-Id`. */
  readonly chosen?: string | undefined
}

type ActPorts = Pick<HandlerPorts, 'store' | 'rows' | 'clock'>
type Told<C> = Act & { readonly caller: C }

/** Does what a call asks for, as a transaction in which its credential still counts. Under what `locks` say. */
export function act<C extends Caller, T>(
  ports: ActPorts,
  call: AnyCall & { readonly caller: C },
  locks: Locks,
  step: (act: Told<C>) => Step<T>,
): Promise<T> {
  requireOwnLocks(call.caller, locks)
  return ports.store.write(standing(ports, toldOf(ports, call), step), locks)
}

/**
 * The same for a death or a rebirth, past all that waits; every instance is told once it is durable. `at` is when it
 * was known to be so, in Unix milliseconds.
 */
export async function urgentAct<C extends Caller, T>(
  ports: ActPorts & Pick<HandlerPorts, 'feed'>,
  call: AnyCall & { readonly caller: C },
  locks: Locks,
  step: (act: Told<C>) => Step<T>,
): Promise<{ readonly done: T; readonly committedAt: number }> {
  requireOwnLocks(call.caller, locks)
  const { store, rows, clock, feed } = ports
  const run = standing(ports, toldOf(ports, call), step)
  const { done, epoch } = await store.urgent(withEpoch(run, rows), locks)
  feed.tell(epoch)
  return { done, committedAt: clock.now() }
}

const toldOf = <C>({ clock }: ActPorts, { caller, source, requestId }: Omit<AnyCall, 'caller'> & { caller: C }) => ({
  caller,
  at: clock.now(),
  source,
  correlation: requestId,
})

function standing<C extends Caller, T>(
  { rows }: ActPorts,
  told: Told<C>,
  step: (act: Told<C>) => Step<T>,
): () => Step<T> {
  return function* () {
    yield* requireStanding(rows, told)
    return yield* step(told)
  }
}

/** Nobody holds up a tenant that is not its own, however shortly: asked before a lock is taken. */
function requireOwnLocks(caller: Caller, { tenants }: Locks): void {
  if (tenants === 'all') return
  for (const tenant of tenants) {
    requireName('tenant', tenant)
    requireTenant(caller, tenant)
  }
}

/**
 * The tenant whose things are listed: the one that is asked for, else the caller's own; undefined: of all. One that is
 * not there is refused, since an empty list would read as proof that nothing happened in it. Throws `name_invalid`,
 * `tenant_mismatch`, `tenant_unknown`.
 */
export async function tenantOfList(
  { store, rows }: Pick<HandlerPorts, 'store' | 'rows'>,
  caller: Caller,
  asked: string | undefined,
): Promise<string | undefined> {
  if (asked !== undefined) await store.read(() => requireTenantState(rows, asked, { caller }))
  return tenantScope(caller, asked)
}

/** Locks for what may concern every tenant that the caller sees. */
export const exclusiveWithin = ({ tenant }: Caller): Locks => exclusiveOf(tenant)

/** Locks for what is of one tenant, or of all (null). */
export const exclusiveOf = (tenant: string | null): Locks => (tenant === null ? exclusiveAll : exclusive(tenant))

/** The same call by whoever manages. The route accepts nothing else; here the compiler learns it. */
export function byManager<T extends AnyCall>(call: T): T & { readonly caller: ManagerCaller } {
  const { kind } = call.caller
  if (kind === 'api-key' || kind === 'principal') return call as T & { readonly caller: ManagerCaller }
  throw new LanyardError('unauthenticated', `expected an API key or a principal with roles, got ${kind}`)
}

/** The same call by an agent's own credential. */
export function byAgent<T extends AnyCall>(call: T): T & { readonly caller: TokenCaller | CertificateCaller } {
  const { kind } = call.caller
  if (kind === 'agent-token' || kind === 'agent-certificate')
    return call as T & { readonly caller: TokenCaller | CertificateCaller }
  throw new LanyardError('unauthenticated', `expected a credential of an agent, got ${kind}`)
}

/** The same call by an agent with its secret. */
export function bySecret<T extends AnyCall>(call: T): T & { readonly caller: SecretCaller } {
  if (call.caller.kind === 'agent-secret') return call as T & { readonly caller: SecretCaller }
  throw new LanyardError('unauthenticated', `expected the secret of an agent, got ${call.caller.kind}`)
}

/** The same call by whoever a provider vouches for. */
export function byExternalToken<T extends AnyCall>(call: T): T & { readonly caller: ExternalTokenCaller } {
  if (call.caller.kind === 'external-token') return call as T & { readonly caller: ExternalTokenCaller }
  throw new LanyardError('unauthenticated', `expected the token of an identity provider, got ${call.caller.kind}`)
}

/** The same call by a node. */
export function byNode<T extends AnyCall>(call: T): T & { readonly caller: NodeCaller } {
  if (call.caller.kind === 'node-certificate') return call as T & { readonly caller: NodeCaller }
  throw new LanyardError('unauthenticated', `expected the certificate of a node, got ${call.caller.kind}`)
}

/** The same call by an agent with its certificate. */
export function byCertificate<T extends AnyCall>(call: T): T & { readonly caller: CertificateCaller } {
  if (call.caller.kind === 'agent-certificate') return call as T & { readonly caller: CertificateCaller }
  throw new LanyardError('unauthenticated', `expected the certificate of an agent, got ${call.caller.kind}`)
}
