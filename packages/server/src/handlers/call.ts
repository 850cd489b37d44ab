import { LanyardError } from '@lanyard/api'
import type { Act, ApiKeyCaller, Caller, CertificateCaller, Clock, TokenCaller } from '@lanyard/authority'

interface AnyCall {
  readonly caller: Caller
  readonly requestId: string
  readonly source: string
}

/** The call as records tell of it. */
export function actOf<C extends Caller>(call: AnyCall & { caller: C }, clock: Clock): Act & { readonly caller: C } {
  return { caller: call.caller, at: clock.now(), source: call.source, correlation: call.requestId }
}

/** The same call by an API key. The route accepts nothing else; here the compiler learns it. */
export function byApiKey<T extends AnyCall>(call: T): T & { readonly caller: ApiKeyCaller } {
  if (call.caller.kind === 'api-key') return call as T & { readonly caller: ApiKeyCaller }
  throw new LanyardError('unauthenticated', `expected an API key, got ${call.caller.kind}`)
}

/** The same call by an agent's own credential. */
export function byAgent<T extends AnyCall>(call: T): T & { readonly caller: TokenCaller | CertificateCaller } {
  if (call.caller.kind !== 'api-key') return call as T & { readonly caller: TokenCaller | CertificateCaller }
  throw new LanyardError('unauthenticated', 'expected a credential of an agent, got an API key')
}
