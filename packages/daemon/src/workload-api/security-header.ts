import type { HandlerContext } from '@connectrpc/connect'
import { invalidError } from '../grpc/refusal.ts'

const NAME = 'workload.spiffe.io'

/**
 * Refuses calls without `workload.spiffe.io: true`, before anything of them is read: whoever can only make a workload send
 * requests elsewhere cannot make it send this (SPIFFE Workload Endpoint, 5.1, against request forgery).
 */
export function requireSecurityHeader({ requestHeader }: Pick<HandlerContext, 'requestHeader'>): void {
  // One that was sent twice reads as `true, true`.
  if (requestHeader.get(NAME) !== 'true')
    throw invalidError('header_missing', `security header missing from request: send ${NAME}: true, once`)
}
