import { setTimeout as sleep } from 'node:timers/promises'
import type { Receipt } from '@lanyard/protocol'
import { agentId, type Identity } from '@lanyard/sdk'
import { judge } from '../commands/receipt/judge.ts'
import { brief, count } from '../layout.ts'
import type { Scene } from './scene.ts'
import type { Service } from './service.ts'
import { callAsCopy, copyOf, refusal } from './strangers.ts'
import { holds } from './teller.ts'

/** Longer than any promise may take. */
const DEADLINE_MS = 10_000

/** Kills `planner` while it reads a stream of `invoice`; gives the incident. */
export async function dropStream(
  scene: Scene,
  invoice: Identity,
  service: Service,
): Promise<readonly [string, string]> {
  // The lineage that it had is frozen: it begins anew.
  const planner = await scene.agent('acme', 'planner')
  await openStream(planner, invoice, service)
  await untilEnrolled(scene, invoice)
  const cut = service.streamEnd()
  const sent = performance.now()
  const params = { tenant: 'acme', agent: 'planner' }
  const body = { reason: 'the demo is over' }
  const { incident } = await scene.admin.call('POST /v1/agents/{tenant}/{agent}/kill', { params, body })
  const durable = performance.now() - sent
  const dropped = await dropOf(cut)
  const reply = await callAsCopy(service.url, copyOf(planner.svid))
  holds(reply.refused, `expected the copied certificate to be refused, got ${reply.saw}`)
  const token = await refusal(() => scene.token('acme', 'planner'))
  holds(token === 'agent_quarantined', `expected agent_quarantined, got ${token}`)
  const shown = `kill sent → durable after ${ms(durable)} → stream cut by invoice after ${ms(dropped - sent)}`
  return [`${shown}\nits certificate at invoice → ${reply.saw}; a new token → ${token}`, incident]
}

/** The moment when a stream dropped; it must. */
export async function dropOf(cut: Promise<number>): Promise<number> {
  const dropped = await Promise.race([cut, sleep(DEADLINE_MS, null, { ref: false })])
  holds(dropped !== null, `expected the stream to drop, it was open after ${DEADLINE_MS} ms`)
  return dropped
}

export const ms = (span: number): string => `${span.toFixed(1)} ms`

/** Opens a stream of a service, which stays open until somebody ends it. */
export async function openStream(client: Identity, server: Identity, service: Service): Promise<void> {
  const stream = await client.fetch(`${service.url}/stream`, { peer: agentId(server.id) })
  const lines = stream.body!.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]()
  service.sendLine('open')
  holds((await lines.next()).value === 'open\n', 'expected the stream to begin')
  // It is read on, until somebody ends it.
  lines.next().catch(() => undefined)
}

/** Until the authority counts an agent among its enforcement points, so that the receipt names it. */
export async function untilEnrolled({ admin }: Scene, { id }: Identity): Promise<void> {
  const end = performance.now() + DEADLINE_MS
  while (performance.now() < end) {
    const { items } = await admin.call('GET /v1/feed/points', {})
    if (items.some(({ spiffe_id }) => spiffe_id === `${id}`)) return
    await sleep(20)
  }
  holds(false, `expected ${id} to be an enforcement point`)
}

/** Waits for the receipt, and verifies it with the root certificate and nothing else. */
export async function verifyTheReceipt(scene: Scene, incident: string): Promise<readonly [string, undefined]> {
  const token = await receiptOf(scene, incident)
  const verdict = judge({ receipt: Buffer.from(token), roots: Buffer.from(scene.rootPem), trustDomain: undefined })
  holds(verdict.valid, 'expected a valid receipt')
  const { receipt, signer, acks } = verdict.verified
  const asked = receipt.points.filter(({ outcome }) => outcome !== 'killed')
  const silent = asked.filter(({ outcome }) => outcome !== 'applied').length
  holds(asked.length > 0 && silent === 0, `expected every enforcement point to confirm, ${silent} did not`)
  holds(acks.length > 0, 'expected acknowledgements that the points signed')
  const tally = `${asked.length} of ${asked.length} enforcement points applied it within ${brief(latest(receipt))}`
  const signed = `each acknowledgement signed by its point, the whole by ${signer}`
  return [`${tally}, ${count(receipt.cut, 'connection')} cut\n${signed}`, undefined]
}

/** Milliseconds from the commit to the last word of a point. */
const latest = ({ points, commit }: Receipt): number =>
  Math.max(0, ...points.map(({ appliedAt }) => (appliedAt ?? 0) - commit.acknowledged))

/** The receipt of an incident, once it is signed. */
export async function receiptOf({ admin }: Scene, incident: string): Promise<string> {
  const end = performance.now() + 2 * DEADLINE_MS
  while (performance.now() < end) {
    const { receipt } = await admin.call('GET /v1/incidents/{incident}', { params: { incident } })
    if (receipt !== null) return receipt
    await sleep(20)
  }
  holds(false, 'expected a receipt')
}
