import { permissionsOf } from '@lanyard/api'
import {
  announceService,
  type CertificateCaller,
  type Clock,
  createAgent,
  createTenant,
  exclusive,
  killAgent,
  openLineage,
  type Rows,
  type Step,
  type Store,
} from '@lanyard/authority'
import type { ReceiptSigning } from '@lanyard/protocol'
import type { IncidentPorts } from '../incidents/ports.ts'
import { Sealing } from '../incidents/sealing.ts'
import type { OpenStore } from '../store/ports.ts'
import { HandClock } from './http.ts'
import { ADMIN, openPipeline } from './pipeline.ts'

/** The incident of {@link killSample}. */
export const SAMPLE_INCIDENT = 'inc_sample'
const KEY = { tenant: 'acme', agent: 'invoice' }
const SERVICES = ['https://one', 'https://two']
const SEALING = new Sealing(new Uint8Array(32).fill(7), 'example.org')

/** An agent that serves in two places, and its kill, committed and nothing more. */
export async function killSample({ store, rows }: Pick<OpenStore, 'store' | 'rows'>, clock: Clock): Promise<void> {
  await store.write(() => prepare(rows, clock.now()), exclusive(KEY.tenant))
  const request = {
    incident: SAMPLE_INCIDENT,
    asked: 'ab'.repeat(32),
    reason: 'test',
    evidence: { sealed: SEALING.seal(SAMPLE_INCIDENT, 'evidence', { rule: 'egress' }).toString('base64') },
  }
  const act = { caller: ADMIN, at: clock.now(), source: null, correlation: null }
  await store.urgent(() => killAgent(rows, KEY, 'agent', request, act), exclusive(KEY.tenant))
}

function* prepare(rows: Rows, at: number): Step<void> {
  const act = { caller: ADMIN, at, source: '192.0.2.1', correlation: null }
  const spiffeId = 'spiffe://example.org/acme/invoice'
  yield* createTenant(rows, KEY, { keyPolicy: 'modern', renewalGraceSec: 3600 }, act)
  yield* createAgent(rows, KEY, () => spiffeId, act)
  yield* openLineage(rows, KEY, { lineage: '1'.repeat(32), jti: '2'.repeat(32) }, 86_400, act)
  const caller: CertificateCaller = {
    kind: 'agent-certificate',
    ...KEY,
    spiffeId,
    permissions: permissionsOf('agent'),
    incarnation: 1,
    lineage: '1'.repeat(32),
    issuerKeyId: 'a1'.repeat(20),
    serial: '3'.repeat(32),
    keyThumbprint: 'x',
    expiresAt: at + 60_000,
  }
  for (const url of SERVICES) yield* announceService(rows, url, { ...act, caller })
}

/** A key that signs receipts, of an authority in memory. */
export async function receiptSigning(): Promise<ReceiptSigning> {
  const { authorities, close } = await openPipeline(new HandClock())
  const { kid, signer, certificate } = authorities.receiptSigner()
  await close()
  return { kid, signer, chain: [certificate] }
}

/** What incidents of the sample are worked at with. Faults are thrown at the test. */
export function incidentPorts(
  { store, rows, instance }: { readonly store: Store; readonly rows: Rows; readonly instance: string },
  clock: Clock,
  signing: ReceiptSigning,
): IncidentPorts {
  const error = (fields: object, message: string) => {
    throw new Error(message, { cause: (fields as { err?: unknown }).err })
  }
  return {
    ...{ store, rows, instance, clock, sealing: SEALING, trustDomain: 'example.org', snapshotMs: 86_400_000 },
    log: { debug() {}, info() {}, warn() {}, error },
    feed: { feedId: 'feed', tell() {} },
    receiptSigner: () => signing,
  }
}

/** What the sample's incident left behind: each thing once, or the counts tell. */
export async function tracesOf({ store, rows }: Pick<OpenStore, 'store' | 'rows'>) {
  const page = { limit: 100, after: null }
  return await store.read(function* () {
    const incident = yield* rows.incidents.find(SAMPLE_INCIDENT)
    const steps = yield* rows.incidents.steps(SAMPLE_INCIDENT)
    const { items } = yield* rows.events.list({ tenant: KEY.tenant }, page)
    const told = (type: string) => items.filter(event => event.type === type).length
    return {
      state: incident?.state,
      steps: steps.map(({ step, state, doneAt }) => `${step} ${state} ${doneAt === null ? 'never' : 'once'}`).sort(),
      withdrawn: told('service.withdrawn'),
      closed: told('incident.closed'),
      receipt: incident?.receipt !== null,
      evidence: incident?.evidence,
      snapshot: (yield* rows.snapshots.find(SAMPLE_INCIDENT)) !== undefined,
      services: (yield* rows.services.count(KEY)) as number,
    }
  })
}

/** {@link tracesOf} when every step ended exactly once. */
export const ALL_DONE_ONCE = {
  state: 'closed',
  steps: ['broadcast', 'notify', 'receipt', 'registry', 'snapshot'].map(step => `${step} done once`),
  withdrawn: SERVICES.length,
  closed: 1,
  receipt: true,
  evidence: null,
  snapshot: true,
  services: 0,
}
