import { LanyardError } from '@lanyard/api'
import {
  type Act,
  type ApiKeyCaller,
  type Caller,
  type CertificateCaller,
  requireStanding,
  type Step,
  type TokenCaller,
} from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'

interface AnyCall {
  readonly caller: Caller
  readonly requestId: string
  readonly source: string
}

/** Does what a call asks for, as a transaction in which its credential still counts. */
export function act<C extends Caller, T>(
  { store, rows, clock }: Pick<HandlerPorts, 'store' | 'rows' | 'clock'>,
  { caller, source, requestId: correlation }: AnyCall & { readonly caller: C },
  step: (act: Act & { readonly caller: C }) => Step<T>,
): Promise<T> {
  const told = { caller, at: clock.now(), source, correlation }
  return store.write(function* () {
    yield* requireStanding(rows, told)
    return yield* step(told)
  })
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
