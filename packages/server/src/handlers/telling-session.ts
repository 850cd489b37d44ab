import { LanyardError } from '@lanyard/api'
import { type AgentKey, actorOf, requireName, type SecretCaller } from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import type { AnyCall } from './call.ts'

/**
 * Does what the secret of an agent asks for, if the call names that agent: whoever takes the secret of one for that of
 * another is told so, and is not let in as the other. What is refused here is told as what the door refuses. Throws
 * `name_invalid`, `factor_mismatch`.
 */
export function tellingSession({ issuing }: Pick<HandlerPorts, 'issuing'>) {
  return async <T>(
    { caller, source, requestId: correlation }: AnyCall & { readonly caller: SecretCaller },
    named: AgentKey,
    run: () => Promise<T>,
  ): Promise<T> => {
    try {
      requireNamed(caller, named)
      return await run()
    } catch (error) {
      const { tenant, agent } = caller
      const known = { agent: { tenant, agent }, actor: actorOf(caller), type: 'session.refused' } as const
      await issuing.refused(error, { ...known, source, correlation })
      throw error
    }
  }
}

function requireNamed(caller: SecretCaller, { tenant, agent }: AgentKey): void {
  requireName('tenant', tenant)
  requireName('agent', agent)
  if (caller.tenant === tenant && caller.agent === agent) return
  throw new LanyardError('factor_mismatch', `expected the secret of ${tenant}/${agent}, got that of another agent`)
}
