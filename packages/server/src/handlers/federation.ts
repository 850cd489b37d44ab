import type { Handlers, Routes } from '@lanyard/api'
import {
  actorOf,
  type Caller,
  type ExternalTokenCaller,
  exclusive,
  freshLineage,
  openFederated,
  shared,
  TokenReused,
} from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { mintAgentToken } from './agent-tokens.ts'
import { type AnyCall, act, byExternalToken } from './call.ts'

/** The door of agents that a provider vouches for. */
export function federationHandlers(ports: HandlerPorts): Pick<Handlers<Routes, Caller>, 'federatedBootstrap'> {
  const { store, rows, dice, spiffeIdOf, maxLineageSec } = ports
  return {
    async federatedBootstrap(call) {
      const own = byExternalToken(call)
      const { tenant } = own.caller
      const opening = { jkt: own.body.jkt, fresh: freshLineage(dice), maxLineageSec, spiffeIdOf }
      const opened = await telling(ports, own, async () => {
        // A name is given to one agent, whichever of two instances is asked.
        const isKnown = (await store.read(() => rows.agents.find(own.caller))) !== undefined
        const locks = isKnown ? shared(tenant) : exclusive(tenant)
        const done = await act(ports, own, locks, told => openFederated(rows, opening, told))
        if (done instanceof TokenReused) throw done
        return done
      })
      return await mintAgentToken(ports, opened.agent, opened.lineage)
    },
  }
}

type Own = AnyCall & { readonly caller: ExternalTokenCaller }

/** Tells of what is refused to whoever a provider vouched for, as the door does. */
async function telling<T>({ issuing }: Pick<HandlerPorts, 'issuing'>, call: Own, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    const { caller, source, requestId: correlation } = call
    const refusal = { agent: caller, actor: actorOf(caller), source, correlation }
    // Whoever found one spent token could send it a thousand times a minute, for a day.
    if (error instanceof TokenReused) {
      const detail = { lineage: error.lineage, idp: caller.idp }
      await issuing.refused(error, { ...refusal, type: 'token.reused', detail })
    } else await issuing.refused(error, { ...refusal, type: 'federation.refused' })
    throw error
  }
}
