import type { Handlers, Routes, Service } from '@lanyard/api'
import {
  announceService,
  type Caller,
  isoTime,
  SERVICE_LEASE_MS,
  type ServiceState,
  shared,
  withdrawService,
} from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { seenBy } from '../policy/look-up.ts'
import { act, byCertificate, tenantOfList } from './call.ts'
import type { Cursors } from './cursor.ts'

type Mine = 'announceService' | 'withdrawService' | 'listServices'

/** Where agents serve. */
export function serviceHandlers(ports: HandlerPorts, cursors: Cursors): Pick<Handlers<Routes, Caller>, Mine> {
  const { store, rows, clock } = ports
  return {
    async announceService(call) {
      const own = byCertificate(call)
      const locks = shared(own.caller.tenant)
      const state = await act(ports, own, locks, told => announceService(rows, own.body.url, told))
      return { ...showService(state), renew_after_ms: SERVICE_LEASE_MS / 3 }
    },

    async withdrawService(call) {
      const own = byCertificate(call)
      await act(ports, own, shared(own.caller.tenant), told => withdrawService(rows, own.query.url, told))
      return undefined
    },

    async listServices({ query, caller, source }) {
      const { limit, cursor, spiffe_id: spiffeId, tenant } = query
      const filter = { spiffeId, tenant: await tenantOfList(ports, caller, tenant) }
      const list = { route: 'listServices', tenant: caller.tenant, filter } as const
      const page = cursors.page(list, { limit, cursor })
      const found = await store.read(() => rows.services.list({ ...filter, now: clock.now() }, page))
      return cursors.reply(list, await seenBy(ports, { action: 'listServices', caller, source }, found), showService)
    },
  }
}

const showService = (state: ServiceState): Service => ({
  spiffe_id: state.spiffeId,
  tenant: state.tenant,
  agent: state.agent,
  url: state.url,
  since: isoTime(state.since),
  leased_until: isoTime(state.leasedUntil, 'milliseconds'),
})
