import { LanyardError } from '@lanyard/api'
import { type AgentKey, actorOf, type ManagerCaller } from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import type { AnyCall } from './call.ts'

/**
 * Does what would mint for an agent. Where its tenant's provider alone vouches, that somebody tried is told: a customer
 * who forbids us to mint wants to see who asks.
 */
export function tellingMint({ issuing }: Pick<HandlerPorts, 'issuing'>) {
  return async <T>(
    { caller, source, requestId: correlation }: AnyCall & { readonly caller: ManagerCaller },
    { tenant, agent }: AgentKey,
    run: () => Promise<T>,
  ): Promise<T> => {
    try {
      return await run()
    } catch (error) {
      const known = { agent: { tenant, agent }, actor: actorOf(caller), type: 'mint.refused' } as const
      const isForbidden = error instanceof LanyardError && error.code === 'federation_required'
      if (isForbidden) await issuing.refused(error, { ...known, source, correlation })
      throw error
    }
  }
}
