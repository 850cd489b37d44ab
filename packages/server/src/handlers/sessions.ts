import type { Handlers, Routes } from '@lanyard/api'
import { type Caller, freshLineage, openSession, shared } from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { mintAgentToken } from './agent-tokens.ts'
import { act, bySecret } from './call.ts'
import { tellingSession } from './telling-session.ts'

/** The door of agents that have a secret. */
export function sessionHandlers(ports: HandlerPorts): Pick<Handlers<Routes, Caller>, 'openSession'> {
  const { rows, dice, maxLineageSec } = ports
  const telling = tellingSession(ports)
  return {
    openSession(call) {
      const own = bySecret(call)
      return telling(own, call.body, async () => {
        const fresh = freshLineage(dice)
        const { agent, lineage } = await act(ports, own, shared(own.caller.tenant), told =>
          openSession(rows, call.body, fresh, maxLineageSec, told),
        )
        return await mintAgentToken(ports, agent, lineage)
      })
    },
  }
}
