import { Code, ConnectError, type ContextKey, createContextKey, type HandlerContext } from '@connectrpc/connect'
import type { HeldProcess } from '../ports.ts'

/** The process at the other end of the connection that a call came by. */
export const CALLER: ContextKey<HeldProcess | null> = createContextKey<HeldProcess | null>(null, {
  description: 'the process that calls',
})

/** The process that calls. */
export function callerOf(context: Pick<HandlerContext, 'values'>): HeldProcess {
  const caller = context.values.get(CALLER)
  // Only a service that is served elsewhere than on our sockets could come here.
  if (caller === null) throw new ConnectError('nobody is known to call', Code.Internal)
  return caller
}
