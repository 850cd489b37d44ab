import type { Handlers, Routes } from '@lanyard/api'
import {
  type Caller,
  createSecret,
  currentSecret,
  exclusive,
  isoTime,
  newAgentSecret,
  redactText,
  revokeSecrets,
  rotateSecret,
  type SecretState,
  shared,
} from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { act, byManager, bySecret, urgentAct } from './call.ts'
import { tellingMint } from './telling-mint.ts'
import { tellingSession } from './telling-session.ts'

type Mine = 'createSecret' | 'getSecret' | 'rotateSecret' | 'revokeSecret'

/** The secrets of agents, from their making to their end. */
export function secretHandlers(ports: HandlerPorts): Pick<Handlers<Routes, Caller>, Mine> {
  const { store, rows, dice, crypto } = ports
  const telling = tellingSession(ports)
  const tellingOfMint = tellingMint(ports)
  return {
    async createSecret(call) {
      const { params } = call
      const fresh = newAgentSecret(dice, crypto)
      // One is current: two that are made at once must see each other.
      const locks = exclusive(params.tenant)
      const own = byManager(call)
      const state = await tellingOfMint(own, params, () =>
        act(ports, own, locks, told => createSecret(rows, params, fresh, told)),
      )
      return { ...showSecret(state), secret: fresh.secret }
    },

    async getSecret({ params, caller }) {
      return showSecret(await store.read(() => currentSecret(rows, params, { caller })))
    },

    rotateSecret(call) {
      const own = bySecret(call)
      return telling(own, call.params, async () => {
        const fresh = newAgentSecret(dice, crypto)
        const locks = shared(own.caller.tenant)
        const state = await act(ports, own, locks, told => rotateSecret(rows, fresh, told))
        return { ...showSecret(state), secret: fresh.secret }
      })
    },

    async revokeSecret(call) {
      const { params, body } = call
      const reason = redactText(body.reason)
      const { done } = await urgentAct(ports, byManager(call), exclusive(params.tenant), told =>
        revokeSecrets(rows, params, reason, told),
      )
      return { secrets: done.secrets.length, lineages: done.lineages, revoked: [...done.revoked] }
    },
  }
}

const showSecret = ({ id, tenant, agent, createdAt, createdBy, incarnation }: SecretState) => ({
  id,
  tenant,
  agent,
  created_at: isoTime(createdAt),
  created_by: createdBy,
  incarnation,
})
