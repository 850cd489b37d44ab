import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type CertificateCaller,
  exclusive,
  Issuing,
  reinstateAgent,
  revokeCertificates,
  type Store,
  type TokenCaller,
  updateAgent,
} from '@lanyard/authority'
import { Certificate, decodePem } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { openPipeline, type Pipeline } from '@lanyard/server/testing'
import { type AgentKeyType, agentKey } from '../support/agent-key.ts'
import { TestClock } from '../support/test-clock.ts'

const INVOICE = { tenant: 'acme', agent: 'invoice' }

interface Story extends Pipeline {
  readonly clock: TestClock
  ask(caller: TokenCaller | CertificateCaller, csr: Uint8Array, ttlSec?: number): ReturnType<Issuing['issue']>
  events(type: string): Promise<readonly { outcome: string; detail: Readonly<Record<string, unknown>> }[]>
}

async function begin(settings: Parameters<Pipeline['tenant']>[1] = {}): Promise<Story> {
  const clock = new TestClock()
  const pipeline = await openPipeline(clock)
  await pipeline.tenant('acme', settings)
  await pipeline.agent(INVOICE)
  return {
    ...pipeline,
    clock,
    ask: (caller, csr, ttlSec) =>
      pipeline.issuing.issue({ caller, csr, ttlSec, source: '192.0.2.1', correlation: 'r1' }),
    async events(type) {
      const page = { limit: 100, after: null }
      const { items } = await pipeline.store.read(() => pipeline.rows.events.list({ tenant: 'acme' }, page))
      return items.filter(event => event.type === type)
    },
  }
}

async function csr(type: AgentKeyType = 'P-256'): Promise<Uint8Array> {
  const [block] = decodePem((await agentKey(type)).csrPem, {
    labels: ['CERTIFICATE REQUEST'],
    maxBytes: 8192,
    maxBlocks: 1,
  })
  return block!.der
}

const refused = (promise: Promise<unknown>, code: string, why?: string) => assert.rejects(promise, { code }, why)

test('the first certificate says who, lives as long as the tier allows, and makes the agent active', async () => {
  const story = await begin()
  const issued = await story.ask(await story.bootstrap(INVOICE), await csr())
  const certificate = Certificate.fromDer(issued.der)
  const now = story.clock.now() / 1000

  assert.deepEqual(certificate.subjectAltName?.uri, ['spiffe://example.test/tenant/acme/agent/invoice'])
  assert.equal(certificate.notBefore, now - 10)
  assert.equal(certificate.notAfter, now + 299)
  assert.match(issued.serial, /^[1-9a-f][0-9a-f]{31}$/)
  assert.equal(certificate.serialHex, issued.serial)
  assert.ok(issued.renewAfter >= story.clock.now() + 135_000 && issued.renewAfter <= story.clock.now() + 165_000)
  assert.equal((await story.events('agent.activated')).length, 1)
  assert.equal((await story.events('cert.issued')).length, 1)
  await story.close()
})

test('a token serves its first key again and again, and no other key', async () => {
  const story = await begin()
  const token = await story.bootstrap(INVOICE)
  const mine = await csr()
  const first = await story.ask(token, mine)
  const again = await story.ask(token, mine)
  assert.notEqual(first.serial, again.serial)
  await refused(story.ask(token, await csr()), 'token_reused')
  const [event] = await story.events('token.reused')
  assert.equal(event?.outcome, 'refused')
  await story.close()
})

test('a token that is bound to a key serves no other from the start', async () => {
  const story = await begin()
  const token = await story.bootstrap(INVOICE, 'A'.repeat(43))
  await refused(story.ask(token, await csr()), 'token_key_mismatch')
  await story.close()
})

test('renewals go on from one certificate to the next, each with a new key', async () => {
  const story = await begin()
  let { serial } = await story.ask(await story.bootstrap(INVOICE), await csr())
  for (let generation = 2; generation < 12; generation++) {
    story.clock.pass(150)
    ;({ serial } = await story.ask(await story.holder(serial), await csr()))
    const row = await story.store.read(() => story.rows.certificates.findBySerial(serial, 'acme'))
    assert.equal(row?.generation, generation)
  }
  await story.close()
})

test('the same key twice is refused, a lost reply is answered again', async () => {
  const story = await begin()
  const first = await csr()
  const { serial } = await story.ask(await story.bootstrap(INVOICE), first)
  const holder = await story.holder(serial)
  await refused(story.ask(holder, first), 'key_reused')
  const next = await csr()
  const [lost, again] = [await story.ask(holder, next), await story.ask(holder, next)]
  const rows = [await story.holder(lost.serial), await story.holder(again.serial)]
  assert.equal(rows[0]!.keyThumbprint, rows[1]!.keyThumbprint)
  // Either of the two replies may be the one that arrived.
  await story.ask(rows[0]!, await csr())
  await story.close()
})

test('a copied certificate that renews too freezes the lineage, and both must bootstrap again', async () => {
  const story = await begin()
  const { serial } = await story.ask(await story.bootstrap(INVOICE), await csr())
  const holder = await story.holder(serial)
  const thief = await story.ask(holder, await csr())
  await refused(story.ask(holder, await csr()), 'lineage_forked')
  await refused(story.ask(await story.holder(thief.serial), await csr()), 'lineage_forked', 'the thief gains nothing')
  const [event] = await story.events('lineage.forked')
  assert.equal(event?.outcome, 'refused')
  await story.ask(await story.bootstrap(INVOICE), await csr())
  await story.close()
})

test('two keys that renew one certificate at the same moment: one wins, then the lineage is frozen', async () => {
  const story = await begin()
  const { serial } = await story.ask(await story.bootstrap(INVOICE), await csr())
  const holder = await story.holder(serial)
  const outcomes = await Promise.allSettled([story.ask(holder, await csr()), story.ask(holder, await csr())])
  assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  assert.equal((await story.events('lineage.forked')).length, 1)
  await story.close()
})

test('an expired certificate renews within the grace of its tenant, and not in the restricted tier', async () => {
  const story = await begin({ renewalGraceSec: 100 })
  const table: [number, string | null][] = [
    [299, null],
    [399, null],
    [400, 'certificate_expired'],
  ]
  for (const [later, code] of table) {
    const { serial } = await story.ask(await story.bootstrap(INVOICE), await csr())
    const holder = await story.holder(serial)
    story.clock.pass(later)
    if (code === null) await story.ask(holder, await csr())
    else await refused(story.ask(holder, await csr()), code, `${later} s later`)
  }
  await story.store.write(
    () => updateAgent(story.rows, INVOICE, { lifecycle: 'restricted' }, story.act()),
    exclusive('acme'),
  )
  const issued = await story.ask(await story.bootstrap(INVOICE), await csr())
  assert.equal(issued.ttlSec, 60, 'restricted by lifecycle means the restricted tier')
  const holder = await story.holder(issued.serial)
  story.clock.pass(60)
  await refused(story.ask(holder, await csr()), 'certificate_expired')
  await story.close()
})

test('a token that has ended is refused with the time and the skew', async () => {
  const story = await begin()
  const token = await story.bootstrap(INVOICE)
  story.clock.pass(903)
  const request = story.ask(token, await csr())
  await assert.rejects(request, { code: 'token_expired', extras: { server_time: '2026-11-21T12:15:03Z', skew_sec: 3 } })
  await story.close()
})

test('quarantine ends everything, and reinstatement revives nothing', async () => {
  const story = await begin()
  const [token, unused] = [await story.bootstrap(INVOICE), await story.bootstrap(INVOICE)]
  const { serial } = await story.ask(token, await csr())
  const holder = await story.holder(serial)
  await story.store.write(
    () => updateAgent(story.rows, INVOICE, { lifecycle: 'quarantined' }, story.act()),
    exclusive('acme'),
  )
  for (const caller of [token, unused, holder]) await refused(story.ask(caller, await csr()), 'agent_quarantined')
  await refused(story.bootstrap(INVOICE), 'agent_quarantined')
  await story.store.write(() => reinstateAgent(story.rows, INVOICE, 'cleared', story.act()), exclusive('acme'))
  for (const caller of [token, unused, holder]) await refused(story.ask(caller, await csr()), 'incarnation_dead')
  await story.ask(await story.bootstrap(INVOICE), await csr())
  await story.close()
})

test('what is revoked renews nothing', async () => {
  const story = await begin()
  const { serial } = await story.ask(await story.bootstrap(INVOICE), await csr())
  const holder = await story.holder(serial)
  const { store, rows } = story
  const revoked = await store.write(
    () => revokeCertificates(rows, { serial }, 'laptop lost', story.act()),
    exclusive('acme'),
  )
  assert.deepEqual(revoked, [serial])
  await refused(story.ask(holder, await csr()), 'lineage_ended')
  await story.close()
})

test('a kill between signature and record wins: the signed certificate never leaves and leaves no row', async () => {
  const story = await begin()
  const token = await story.bootstrap(INVOICE)
  const { rows, store, authorities, clock, spiffeIdOf } = story
  const killing: Store = {
    read: step => store.read(step),
    urgent: (step, locks) => store.urgent(step, locks),
    async write(step, locks) {
      await store.urgent(() => updateAgent(rows, INVOICE, { lifecycle: 'quarantined' }, story.act()), exclusive('acme'))
      return await store.write(step, locks)
    },
  }
  const dice = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) }
  const ports = { rows, store: killing, crypto: nodeCrypto, clock, dice, spiffeIdOf }
  const issuing = new Issuing({ ...ports, issuer: () => authorities.agentsIssuer() })
  await refused(
    issuing.issue({ caller: token, csr: await csr(), source: null, correlation: null }),
    'agent_quarantined',
  )
  assert.equal((await story.events('cert.issued')).length, 0)
  await story.close()
})

test('a tier that falls between check and record leaves no certificate of the old tier', async () => {
  const story = await begin()
  const token = await story.bootstrap(INVOICE)
  const { store, rows } = story
  const asked = story.ask(token, await csr())
  const lowered = store.write(() => updateAgent(rows, INVOICE, { tier: 'bronze' }, story.act()), exclusive('acme'))
  const [outcome] = await Promise.allSettled([asked, lowered])
  if (outcome.status === 'fulfilled') assert.ok((await story.events('cert.issued')).length === 1)
  else assert.equal(outcome.reason.code, 'not_ready')
  await story.close()
})

test('keys by policy: anything but RSA is refused by its OID under rsa-only', async () => {
  const story = await begin({ keyPolicy: 'rsa-only' })
  const token = await story.bootstrap(INVOICE)
  await assert.rejects(story.ask(token, await csr('P-256')), {
    code: 'key_type_forbidden',
    extras: { got: 'P-256 (OID 1.2.840.10045.2.1)', allowed: ['RSA'] },
  })
  await story.ask(token, await csr('RSA-2048'))
  await story.close()
})

test('a lifetime may be shorter, and is refused when longer or below the floor', async () => {
  const story = await begin()
  const token = await story.bootstrap(INVOICE)
  const mine = await csr()
  assert.equal((await story.ask(token, mine, 60)).ttlSec, 60)
  await refused(story.ask(token, mine, 301), 'ttl_out_of_range')
  await refused(story.ask(token, mine, 59), 'ttl_out_of_range')
  await story.close()
})

test('refusals of a known agent are told, once a minute each, with what came in between', async () => {
  const story = await begin({ keyPolicy: 'rsa-only' })
  const token = await story.bootstrap(INVOICE)
  const forbidden = await csr('P-256')
  for (let i = 0; i < 5; i++) await refused(story.ask(token, forbidden), 'key_type_forbidden')
  story.clock.pass(60)
  await refused(story.ask(token, forbidden), 'key_type_forbidden')
  const told = (await story.events('cert.refused')).map(({ outcome, detail }) => ({ outcome, ...detail }))
  assert.deepEqual(told, [
    { outcome: 'refused', code: 'key_type_forbidden', more_since_last: 4 },
    { outcome: 'refused', code: 'key_type_forbidden', more_since_last: 0 },
  ])
  await story.close()
})
