import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { SpiffeId } from '@lanyard/protocol'
import type { PoliciesChoice, TimeSource } from '@lanyard/sdk'
import { PERMIT } from '../testing/questions.ts'
import { Age } from './age.ts'
import { readNews } from './news.ts'
import type { PolicyOptions, PolicyReader } from './options.ts'
import { policy } from './policy.ts'

const id = (path: string, domain = 'lanyard.test') => SpiffeId.parse(`spiffe://${domain}/tenant/${path}`)
const OWN = id('acme/agent/orders')
const ALICE = id('acme/agent/alice')

/** Clocks that move when they are told to; what is due runs then. */
class TestTime implements TimeSource {
  wall = Date.parse('2026-11-21T12:00:00Z')
  ticks = 0
  readonly #due: { at: number; run: () => void }[] = []
  now = () => this.wall
  monotonic = () => this.ticks
  after(ms: number, run: () => void) {
    const one = { at: this.ticks + ms, run }
    this.#due.push(one)
    return () => void this.#due.splice(this.#due.indexOf(one) >>> 0, 1)
  }
  async pass(ms: number): Promise<void> {
    this.ticks += ms
    this.wall += ms
    for (const one of this.#due.filter(({ at }) => at <= this.ticks)) {
      this.#due.splice(this.#due.indexOf(one), 1)
      one.run()
    }
    await settled()
  }
}

/** All that was begun has come as far as it can. */
const settled = () => new Promise(resolve => setImmediate(resolve))

/** An authority that answers when it is told to. */
class Reader implements PolicyReader {
  readonly id = OWN
  readonly asked: (number | undefined)[] = []
  reply: (() => unknown) | null = null
  signal: AbortSignal | undefined
  #waiting: { resolve: (reply: unknown) => void; reject: (error: unknown) => void }[] = []

  policies({ after, signal }: PoliciesChoice = {}): Promise<unknown> {
    this.asked.push(after)
    this.signal = signal
    if (after === undefined) return Promise.resolve(this.reply?.())
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  async answer(reply: unknown): Promise<void> {
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (reply instanceof Error) reject(reply)
      else resolve(reply)
    }
    await settled()
  }
}

interface Given {
  readonly policies?: readonly string[]
  readonly options?: PolicyOptions
}

const setOf = (policies: string, at: number) => ({
  tenant: at === 0 ? null : 'acme',
  version: 1,
  policies,
  schema: '',
  entities: [],
})

async function stage(t: TestContext, { policies = [PERMIT], options = {} }: Given = {}) {
  const time = new TestTime()
  const reader = new Reader()
  const problems: Error[] = []
  const news = (revision: number, texts: readonly string[] = policies, behindMs = 0) => ({
    revision,
    as_of: new Date(time.wall - behindMs).toISOString(),
    sets: texts.map(setOf),
  })
  reader.reply = () => news(1)
  const allow = await policy(reader, { time, problem: error => problems.push(error), ...options })
  t.after(() => allow.close())
  const lets = (peer: SpiffeId, url?: string, method = 'GET') => {
    try {
      return allow(peer, OWN, url === undefined ? undefined : { method, url }) === peer
    } catch (error) {
      assert.equal((error as { code?: unknown }).code, 'spiffe_id_mismatch')
      return false
    }
  }
  return { time, reader, problems, news, allow, lets }
}

test('whom the policies permit is let in, by tenant and by name', async t => {
  const { lets } = await stage(t, {
    policies: [
      PERMIT,
      'permit (principal in Lanyard::Tenant::"acme", action == Lanyard::Action::"call", resource) when { principal.name != "mallory" };',
    ],
  })
  assert.equal(lets(ALICE), true)
  assert.equal(lets(id('acme/agent/mallory')), false)
  assert.equal(lets(id('globex/agent/alice')), false)
  assert.equal(lets(id('acme/agent/alice', 'elsewhere.test')), false)
})

test('all sets must permit; where there is none nobody is let in', async t => {
  const both = await stage(t, {
    policies: [
      PERMIT,
      'permit (principal == Lanyard::Agent::"spiffe://lanyard.test/tenant/acme/agent/alice", action, resource);',
    ],
  })
  assert.deepEqual([both.lets(ALICE), both.lets(id('acme/agent/bob'))], [true, false])
  const none = await stage(t, { policies: [] })
  assert.equal(none.lets(ALICE), false)
  assert.deepEqual(none.allow.decide(ALICE).errors, ['no policies are in force'])
})

test('method, path and operation are known where somebody asks for them', async t => {
  const { lets } = await stage(t, {
    policies: [
      `permit (principal, action, resource) when { context has method && context.method == "GET" };
      permit (principal, action, resource) when { context has operation && context.operation == "send" };`,
    ],
    options: { operation: ({ url }) => (url.startsWith('/send') ? 'send' : undefined) },
  })
  assert.deepEqual(
    [lets(ALICE, '/x'), lets(ALICE, '/x', 'POST'), lets(ALICE, '/send?x', 'POST'), lets(ALICE)],
    [true, false, true, false],
  )
})

test('a path that routers read in several ways is refused where policies ask about paths, and only there', async t => {
  const asks = await stage(t, {
    policies: [
      `${PERMIT} forbid (principal, action, resource) when { context has path && context.path like "/admin*" };`,
    ],
  })
  assert.deepEqual([asks.lets(ALICE, '/public?a=//'), asks.lets(ALICE, '/admin/x')], [true, false])
  for (const path of ['/public/../admin', '//admin', '/%61dmin', '/public\\..\\admin', '*', 'http://x/admin'])
    assert.equal(asks.lets(ALICE, path), false, path)
  const other = await stage(t)
  assert.equal(other.lets(ALICE, '/%20'), true)
})

test('a change counts as soon as the authority tells of it', async t => {
  const { reader, news, lets, allow, time } = await stage(t)
  assert.deepEqual([lets(ALICE), allow.revision, reader.asked], [true, 1, [undefined, 1]])
  await time.pass(3000)
  await reader.answer(news(2, [`${PERMIT} @id("no") forbid (principal, action, resource);`]))
  assert.deepEqual([lets(ALICE), allow.revision], [false, 2])
  assert.deepEqual(allow.decide(ALICE).policies, ['*@1:no'])
  await time.pass(1)
  assert.deepEqual(reader.asked, [undefined, 1, 2])
})

test('without word from the authority for too long everybody is refused, until there is word again', async t => {
  const { reader, news, lets, time, problems, allow } = await stage(t, { options: { maxAgeMs: 25_000 } })
  await time.pass(20_000)
  await reader.answer(new Error('unreachable'))
  assert.equal(lets(ALICE), true)
  await time.pass(5001)
  assert.equal(lets(ALICE), false)
  assert.match(allow.decide(ALICE).errors[0]!, /not heard for 25001 ms/)
  assert.equal(problems[0]?.message, 'unreachable')
  await reader.answer(news(1))
  assert.equal(lets(ALICE), true)
})

test('an authority that answers without reading its database is no word', async t => {
  const { reader, news, lets, time } = await stage(t, { options: { maxAgeMs: 25_000 } })
  const stuck = news(1)
  for (let round = 0; round < 2; round++) {
    await time.pass(20_000)
    await reader.answer(stuck)
    await time.pass(0)
  }
  assert.equal(lets(ALICE), false)
  await reader.answer(news(1))
  assert.equal(lets(ALICE), true)
})

test('a version that cannot be used refuses everybody, and is told', async t => {
  const { reader, news, lets, problems, time } = await stage(t)
  await time.pass(2000)
  await reader.answer(news(2, ['permit nonsense']))
  assert.equal(lets(ALICE), false)
  assert.match(problems[0]!.message, /^policies:1:8/)
})

test('an instance that is behind changes nothing; a database that was restored does, after a while', async t => {
  const { reader, news, lets, allow, time } = await stage(t)
  const no = ['forbid (principal, action, resource);']
  await time.pass(2000)
  await reader.answer(news(5, no))
  await time.pass(2000)
  await reader.answer(news(4))
  assert.deepEqual([lets(ALICE), allow.revision], [false, 5])
  await time.pass(6000)
  await reader.answer(news(4))
  assert.deepEqual([lets(ALICE), allow.revision], [true, 4])
})

test('who is closed asks no more, and lets nobody in', async t => {
  const { reader, news, lets, allow, time } = await stage(t)
  allow.close()
  await reader.answer(news(2))
  await time.pass(60_000)
  assert.deepEqual([lets(ALICE), reader.asked.length], [false, 2])
})

test('a first reading that fails is thrown, and so is a bound that cannot be held', async () => {
  const reader = new Reader()
  reader.reply = () => ({ revision: 1 })
  await assert.rejects(policy(reader), /as_of: expected a time/)
  await assert.rejects(policy(reader, { maxAgeMs: 5000 }), TypeError)
})

const GOOD = { revision: 1, as_of: '2026-11-21T12:00:00Z', sets: [setOf(PERMIT, 0)] }
const BAD: readonly unknown[] = [
  null,
  [],
  { ...GOOD, revision: -1 },
  { ...GOOD, revision: '1' },
  { ...GOOD, as_of: 1 },
  { ...GOOD, as_of: 'yesterday' },
  { ...GOOD, sets: {} },
  { ...GOOD, sets: [null] },
  { ...GOOD, sets: [{ ...GOOD.sets[0], tenant: 1 }] },
  { ...GOOD, sets: [{ ...GOOD.sets[0], policies: null }] },
  { ...GOOD, sets: [{ ...GOOD.sets[0], entities: 'x' }] },
  { ...GOOD, sets: [{ ...GOOD.sets[0], version: 1.5 }] },
]
test('a reply that is none is refused, one with members more is not', () => {
  assert.equal(readNews({ ...GOOD, more: 1 }).sets.length, 1)
  for (const reply of BAD) assert.throws(() => readNews(reply), TypeError, JSON.stringify(reply))
})

test('clocks that drift a little, and network that comes late, do not add up', () => {
  const time = { ticks: 0, wall: 0, monotonic: () => time.ticks, now: () => time.wall }
  const age = new Age(time)
  assert.equal(age.ms, Number.POSITIVE_INFINITY)
  for (let round = 0; round < 5000; round++) {
    time.ticks += 20_000
    time.wall += 20_000
    // Theirs is slower by 0.05 per cent, and each tenth answer is half a second late.
    age.heard(round * 19_990 - (round % 10 === 0 ? 500 : 0), time.ticks - 20_000)
    assert.ok(age.ms <= 1000, `${round}: ${age.ms}`)
  }
  time.wall += 70_000
  assert.ok(age.ms >= 70_000, 'a machine that slept')
})

test('who is closed lets go of the question that is under way', async t => {
  const { reader, allow } = await stage(t)
  assert.equal(reader.signal?.aborted, false)
  allow.close()
  assert.equal(reader.signal?.aborted, true)
})
