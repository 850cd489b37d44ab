import type { Handlers, Instance, Routes } from '@lanyard/api'
import { type Caller, evictInstance, exclusiveAll, type InstanceState, isoTime } from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { byManager, urgentAct } from './call.ts'
import { opened } from './kill.ts'
import { killRequestOf } from './kill-request.ts'

type Mine = 'listInstances' | 'evictInstance'

/** An instance that has not written for so long is silent. */
const SILENT_MS = 15_000

export function instanceHandlers(ports: HandlerPorts): Pick<Handlers<Routes, Caller>, Mine> {
  const { store, rows, clock } = ports
  return {
    async listInstances() {
      const instances = await store.read(() => rows.instances.list())
      return { items: instances.map(state => showInstance(state, clock.now())) }
    },

    async evictInstance(call) {
      const own = byManager(call)
      const { params, body } = own
      const request = killRequestOf(ports, { route: 'evictInstance', params, body })
      const step = (act: Parameters<typeof evictInstance>[3]) => evictInstance(rows, params.instance, request, act)
      return opened(ports, own, await urgentAct(ports, own, exclusiveAll, step))
    },
  }
}

const timeOf = (at: number | null) => (at === null ? null : isoTime(at, 'milliseconds'))

const showInstance = (state: InstanceState, now: number): Instance => ({
  instance: state.instance,
  state: stateOf(state, now),
  seen_at: timeOf(state.seenAt),
  created_at: isoTime(state.createdAt),
  evicted_at: timeOf(state.evictedAt),
})

function stateOf({ evictedAt, seenAt }: InstanceState, now: number): Instance['state'] {
  if (evictedAt !== null) return 'evicted'
  return seenAt !== null && now - seenAt < SILENT_MS ? 'serving' : 'silent'
}
