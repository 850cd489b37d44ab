import { type Body, type Handlers, type Killed as KilledReply, LanyardError, type Routes } from '@lanyard/api'
import {
  type Act,
  type Caller,
  type CredentialTarget,
  exclusive,
  isoTime,
  type Killed,
  killAgent,
  killCredential,
  killTenant,
  redactText,
  reinstateTenant,
} from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { byManager, exclusiveWithin, urgentAct } from './call.ts'
import { killRequestOf } from './kill-request.ts'
import { locksOfCredential } from './locks.ts'

type Mine = 'killAgent' | 'killTenant' | 'killCredential' | 'reinstateTenant'

/** Deaths that somebody orders. Answered as soon as they are durable; the rest follows. */
export function killHandlers(ports: HandlerPorts): Pick<Handlers<Routes, Caller>, Mine> {
  const { rows } = ports
  return {
    async killAgent(call) {
      const { params, body } = call
      const { scope } = body
      const request = killRequestOf(ports, { route: 'killAgent', params, body })
      const wide = scope === 'api-key' || scope === 'source'
      const locks = wide ? exclusiveWithin(call.caller) : exclusive(params.tenant)
      return opened(
        ports,
        call,
        await urgentAct(ports, call, locks, act => killAgent(rows, params, scope, request, act)),
      )
    },

    async killTenant(call) {
      const { params, body } = call
      const request = killRequestOf(ports, { route: 'killTenant', params, body })
      const step = (act: Act) => killTenant(rows, params.tenant, request, act)
      return opened(ports, call, await urgentAct(ports, call, exclusive(params.tenant), step))
    },

    async killCredential(call) {
      const own = byManager(call)
      const target = targetOf(own.body)
      const request = killRequestOf(ports, { route: 'killCredential', body: own.body })
      const locks = await locksOfCredential(ports, target, own.caller)
      return opened(ports, own, await urgentAct(ports, own, locks, act => killCredential(rows, target, request, act)))
    },

    async reinstateTenant(call) {
      const { tenant } = call.params
      const step = (act: Act) => reinstateTenant(rows, tenant, redactText(call.body.reason), act)
      return { tenant, agents: (await urgentAct(ports, call, exclusive(tenant), step)).done }
    },
  }
}

/** Begins what follows a kill, and says what is durable. */
export function opened(
  { incidents }: Pick<HandlerPorts, 'incidents'>,
  { caller }: { readonly caller: Caller },
  { done, committedAt }: { readonly done: Killed; readonly committedAt: number },
): KilledReply {
  incidents.opened(done.incident, committedAt, caller.tenant)
  return { incident: done.incident, epoch: done.epoch, at: isoTime(done.at, 'milliseconds') }
}

function targetOf({ serial, key_thumbprint, lineage, minted_by }: Body<Routes['killCredential']>): CredentialTarget {
  if (serial !== undefined) return { kind: 'serial', value: serial }
  if (key_thumbprint !== undefined) return { kind: 'key', value: key_thumbprint }
  if (lineage !== undefined) return { kind: 'lineage', value: lineage }
  if (minted_by !== undefined) return { kind: 'minted_by', value: minted_by }
  throw new LanyardError('body_invalid', 'expected exactly one of serial, key_thumbprint, lineage, minted_by')
}
