import type { Clock, Rows, Store } from '@lanyard/authority'
import type { ServerConfig } from '../config.ts'
import type { Feed, Log } from '../http/ports.ts'
import type { IncidentPorts } from '../incidents/ports.ts'
import { IncidentRunner } from '../incidents/runner.ts'
import { Sealing } from '../incidents/sealing.ts'
import type { Authorities } from './authorities.ts'

const DAY_MS = 86_400_000

/** What follows kills on this instance. */
export function openIncidents(
  { store, rows, instance }: { readonly store: Store; readonly rows: Rows; readonly instance: string },
  authorities: Authorities,
  feed: Feed,
  retention: Pick<ServerConfig['retention'], 'events_days'>,
  { clock, log, closed }: { readonly clock: Clock; readonly log: Log } & Pick<IncidentPorts, 'closed'>,
): IncidentRunner {
  const { trustDomain } = authorities
  return new IncidentRunner({
    ...{ store, rows, clock, log, instance, trustDomain, feed },
    sealing: new Sealing(authorities.deriveSecret('snapshot'), trustDomain),
    receiptSigner: () => {
      const { kid, signer, certificate } = authorities.receiptSigner()
      return { kid, signer, chain: [certificate] }
    },
    snapshotMs: retention.events_days * DAY_MS,
    ...(closed === undefined ? {} : { closed }),
  })
}
