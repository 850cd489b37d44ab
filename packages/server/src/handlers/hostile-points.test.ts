import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { exclusive, killAgent, type PointState, shared } from '@lanyard/authority'
import { type Ack, Certificate, decodePem, signAck, verifyReceipt } from '@lanyard/protocol'
import { nodeCrypto, nodeSigner } from '@lanyard/protocol/node'
import type { Answer, CallOptions } from '../testing/client.ts'
import { type Held, type HttpHarness, openHttp } from '../testing/http.ts'

let server: HttpHarness
let admin: string

before(async () => {
  server = await openHttp({ limits: { rate_per_minute: 0 } })
  admin = await server.apiKey('admin')
})
after(() => server.close())

let made = 0

interface Someone {
  readonly tenant: string
  readonly agent: string
  readonly held: Held
}

async function someone(tenant = `t${++made}`): Promise<Someone> {
  const key = { tenant, agent: `a${++made}` }
  await server.agent(key)
  return { ...key, held: await server.certificate(key) }
}

const enrolment = (point: string) => ({
  ...{ point, name: 'web', mode: 'guarded', budget_ms: 3000, grace_ms: 1000, epoch: 0, sessions: 0 },
  ...{ as_of: null, offset_ms: null, uncertainty_ms: null },
})

const enrol = ({ held }: Someone, point: string = randomUUID()): Promise<Answer> =>
  server.call('POST /v1/feed/points', { tls: held, body: enrolment(point) })

async function acknowledge({ held }: Someone, point: string, said: Partial<Ack> = {}): Promise<Answer> {
  const blocks = decodePem(held.cert, { labels: ['CERTIFICATE'], maxBlocks: 2 })
  const chain = blocks.map(({ der }) => Certificate.fromDer(der))
  const epoch = await server.pipeline.store.read(() => server.pipeline.rows.epoch.current())
  const ack: Ack = {
    ...{ point, feedId: server.feed.feedId, epoch, appliedAt: server.clock.now(), cut: 0 },
    ...{ lastAccept: null, offsetMs: 0, uncertaintyMs: 0 },
    ...said,
  }
  const jws = await signAck(ack, { signer: nodeSigner(held.privateKey), chain })
  return await server.call('POST /v1/feed/acks', { tls: held, body: { ack: jws } })
}

async function kill({ tenant, agent }: Someone): Promise<string> {
  const call = `POST /v1/agents/${tenant}/${agent}/kill`
  return (await server.call(call, { token: admin, body: { reason: 'test' } })).body.incident
}

const incidentOf = async (id: string, options: CallOptions = { token: admin }): Promise<Answer['body']> =>
  (await server.call(`GET /v1/incidents/${id}`, options)).body

async function closed(id: string): Promise<Answer['body']> {
  for (let looks = 0; looks < 400; looks++) {
    const incident = await incidentOf(id)
    if (incident.state === 'closed') return incident
    await new Promise(resolve => setImmediate(resolve))
  }
  throw new Error(`incident ${id} stays open`)
}

const storedAcks = async (point: string) => {
  const { store, rows } = server.pipeline
  return (await store.read(() => rows.acks.covering(0))).filter(ack => ack.point === point)
}

/** Points that are leased, written directly. */
async function crowd({ tenant, agent }: Someone, count: number): Promise<void> {
  const { store, rows } = server.pipeline
  const now = server.clock.now()
  const point: Omit<PointState, 'point'> = {
    ...{ tenant, agent, spiffeId: '', name: '', mode: 'best_effort', budgetMs: 100, graceMs: 0 },
    ...{ enrolledAt: now, leasedUntil: now + 15_000, epoch: 0, asOf: null, offsetMs: null, uncertaintyMs: null },
    sessions: 0,
  }
  await store.write(function* () {
    for (let made = 0; made < count; made++) yield* rows.points.put({ ...point, point: randomUUID() })
  }, shared(tenant))
}

describe('a point of another tenant', () => {
  test('keeps no receipt from being signed, whatever it says of itself', async () => {
    const [victim, rogue] = [await someone(), await someone()]
    const points = [randomUUID(), randomUUID()]
    for (const point of points) assert.equal((await enrol(rogue, point)).status, 200)
    const incident = await kill(victim)
    const year = 365 * 86_400_000
    for (const said of [
      { cut: Number.MAX_SAFE_INTEGER },
      { lastAccept: Number.MAX_SAFE_INTEGER },
      { lastAccept: server.clock.now() + year },
      { appliedAt: server.clock.now() + year },
    ])
      assert.equal((await acknowledge(rogue, points[0]!, said)).body.code, 'ack_invalid', JSON.stringify(said))
    const odd = { cut: 1_000_000_000, offsetMs: Number.MAX_VALUE, uncertaintyMs: Number.MAX_VALUE, appliedAt: 0 }
    for (const point of points) assert.equal((await acknowledge(rogue, point, odd)).status, 204)
    const { receipt } = await closed(incident)
    const roots = server.pipeline.authorities.roots()
    assert.equal(verifyReceipt(receipt, { roots }, nodeCrypto).receipt.cut, 2_000_000_000)
  })

  test('crowds none of the own out of a receipt', async () => {
    const [victim, own, rogue] = [await someone('crowded'), await someone('crowded'), await someone()]
    const point = randomUUID()
    await enrol(own, point)
    // More than a receipt names, and all of them silent.
    await crowd(rogue, 10_001)
    const incident = await kill(victim)
    assert.equal((await acknowledge(own, point)).status, 204)
    server.clock.advance(11)
    await server.incidents.turn()
    const { receipt } = await closed(incident)
    const roots = server.pipeline.authorities.roots()
    const { receipt: read, acks } = verifyReceipt(receipt, { roots }, nodeCrypto)
    assert.equal(read.points.length, 10_000)
    assert.equal(read.points.find(named => named.point === point)?.outcome, 'applied')
    assert.deepEqual(
      acks.map(ack => ack.point),
      [point],
    )
    server.clock.advance(60)
  })
})

describe('acknowledgements', () => {
  test('are kept where an incident waits for them, and once', async () => {
    const [victim, other, who] = [await someone(), await someone(), await someone()]
    const point = randomUUID()
    await enrol(who, point)
    assert.equal((await acknowledge(who, point)).status, 204)
    assert.deepEqual(await storedAcks(point), [])
    // Somebody else stays silent, so that the incidents stay open.
    await enrol(await someone())
    await kill(victim)
    assert.equal((await acknowledge(who, point)).status, 204)
    const [kept] = await storedAcks(point)
    assert.ok(kept)
    // An older epoch than the one acknowledged tells nothing new.
    for (const epoch of [kept.epoch, kept.epoch - 1, 0]) {
      assert.equal((await acknowledge(who, point, { epoch, cut: 7 })).status, 204)
      assert.deepEqual(await storedAcks(point), [kept])
    }
    const second = await kill(other)
    assert.equal((await acknowledge(who, point)).status, 204)
    const outcomes = (await incidentOf(second)).acknowledgements as { point: string; outcome: string }[]
    assert.equal(outcomes.find(named => named.point === point)?.outcome, 'applied')
    server.clock.advance(60)
    await server.incidents.turn()
    await closed(second)
  })
})

describe('leases', () => {
  test('that lapsed while an incident waited leave no point out of its receipt', async () => {
    const [victim, who] = [await someone(), await someone()]
    const point = randomUUID()
    await enrol(who, point)
    // Committed by an instance that died with it; the outage outlasts every lease.
    const { store, rows, act } = server.pipeline
    const request = { incident: 'inc_outage', asked: 'ab'.repeat(32), reason: 'test', evidence: null }
    await store.urgent(() => killAgent(rows, victim, 'agent', request, act()), exclusive(victim.tenant))
    const committedAt = server.clock.now()
    await store.write(() => rows.incidents.change('inc_outage', { committedAt }), shared())
    server.clock.advance(100)
    assert.equal((await enrol(who, point)).status, 200)
    await server.incidents.turn()
    const { acknowledgements } = await closed('inc_outage')
    const found = acknowledgements.find((named: { point: string }) => named.point === point)
    assert.equal(found?.outcome, 'silent')
  })

  test('are not given to one agent without end, and none that is held is lost', async () => {
    const who = await someone()
    const first = randomUUID()
    await enrol(who, first)
    await crowd(who, 1_999)
    assert.equal((await enrol(who)).body.code, 'too_many_points')
    assert.equal((await enrol(who, first)).status, 200)
    assert.equal((await enrol(await someone(who.tenant))).status, 200)
    server.clock.advance(16)
    assert.equal((await enrol(who)).status, 200)
  })

  test('are not given to one tenant without end', async () => {
    const who = await someone()
    for (let agents = 0; agents < 4; agents++) await crowd(await someone(who.tenant), 2_000)
    assert.equal((await enrol(who)).body.code, 'too_many_points')
    assert.equal((await enrol(await someone())).status, 200)
    server.clock.advance(16)
    assert.equal((await enrol(who)).status, 200)
  })
})
