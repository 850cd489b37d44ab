import type { CertificateRecord, EventRecord, Handlers, Routes } from '@lanyard/api'
import { type Caller, type CertificateState, type EventState, isoTime, requireName } from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { tenantOfList } from './call.ts'
import type { Cursors } from './cursor.ts'
import { readTime } from './times.ts'

type Mine = 'listCertificates' | 'listEvents'

/** What was issued and what happened, as it is remembered. */
export function recordHandlers(ports: HandlerPorts, cursors: Cursors): Pick<Handlers<Routes, Caller>, Mine> {
  const { store, rows, clock } = ports
  return {
    async listCertificates({ query, caller }) {
      const { limit, cursor, ...asked } = query
      requireAgentName(asked)
      const filter = { ...asked, tenant: await tenantOfList(ports, caller, asked.tenant) }
      const list = { route: 'listCertificates', tenant: caller.tenant, filter } as const
      const page = cursors.page(list, { limit, cursor })
      const now = clock.now()
      const listed = await store.read(() => rows.certificates.list({ ...filter, now }, page))
      return cursors.reply(list, listed, state => showCertificate(state, now))
    },

    async listEvents({ query, caller }) {
      const { limit, cursor, since, until, ...asked } = query
      requireAgentName(asked)
      const filter = {
        ...asked,
        tenant: await tenantOfList(ports, caller, asked.tenant),
        since: timeOf('since', since),
        until: timeOf('until', until),
      }
      const list = { route: 'listEvents', tenant: caller.tenant, filter } as const
      const page = cursors.page(list, { limit, cursor })
      return cursors.reply(list, await store.read(() => rows.events.list(filter, page)), showEvent)
    },
  }
}

function requireAgentName({ agent }: { readonly agent?: string | undefined }): void {
  if (agent !== undefined) requireName('agent', agent)
}

const timeOf = (path: string, text: string | undefined): number | undefined =>
  text === undefined ? undefined : readTime('query_invalid', path, text)

const showCertificate = (state: CertificateState, now: number): CertificateRecord => ({
  serial: state.serial,
  issuer_key_id: state.issuerKeyId,
  tenant: state.tenant,
  agent: state.agent,
  spiffe_id: state.spiffeId,
  reputation_tier: state.tier,
  not_before: isoTime(state.notBefore * 1000),
  not_after: isoTime(state.notAfter * 1000),
  issued_at: isoTime(state.issuedAt),
  // A kill revokes what is alive in its own transaction, so a dead incarnation has nothing that is not revoked.
  alive: state.revokedAt === null && now < (state.notAfter + 1) * 1000,
  revoked_at: state.revokedAt === null ? null : isoTime(state.revokedAt),
  revoked_reason: state.revokedReason,
  lineage: state.lineage,
  generation: state.generation,
  parent: state.parent,
  minted_by: state.mintedBy,
  incarnation: state.incarnation,
  key_thumbprint: state.keyThumbprint,
})

const showEvent = (state: EventState): EventRecord => ({
  id: `${state.instance}:${state.chain}:${state.seq}`,
  at: isoTime(state.at, 'milliseconds'),
  type: state.type,
  outcome: state.outcome,
  tenant: state.tenant,
  agent: state.agent,
  actor: state.actor,
  source: state.source,
  correlation: state.correlation,
  detail: { ...state.detail },
  instance: state.instance,
  chain: state.chain,
  seq: state.seq,
  hash: state.hash,
})
