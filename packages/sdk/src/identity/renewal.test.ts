import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { FakeAuthority } from '../testing/fake-authority.ts'
import { TestTime } from '../testing/test-time.ts'
import { LOOK_EVERY_MS } from '../time.ts'
import type { Failing, Lost } from './events.ts'
import { Identity } from './identity.ts'
import type { TokenOptions } from './options.ts'

const MINUTE = 60_000

interface Stage {
  readonly time: TestTime
  readonly authority: FakeAuthority
  readonly start: (options?: Partial<TokenOptions>) => Promise<Identity>
  /** Waits as long as a whole exchange with the authority takes, so that what was to be asked has been asked. */
  readonly exchange: () => Promise<unknown>
}

/** An authority, and how to get an identity from it; all of it ends with the test. */
async function stage(t: TestContext): Promise<Stage> {
  const time = new TestTime()
  const authority = await FakeAuthority.start(time)
  t.after(() => authority.stop())
  const start = async (options: Partial<TokenOptions> = {}) => {
    const { url, ca } = authority
    const defaults = { url, rootSha256: ca.rootSha256, token: authority.mint(), keyType: 'P-256' as const, time }
    const identity = await Identity.fromToken({ ...defaults, ...options })
    t.after(() => identity.close())
    return identity
  }
  const exchange = async () => {
    await start()
    authority.seen.splice(-2)
  }
  return { time, authority, start, exchange }
}

/** Lets time pass until the identity has something to tell. */
async function until<Name extends 'renewed' | 'failing' | 'lost'>(
  identity: Identity,
  name: Name,
  time: TestTime,
  ms: number,
) {
  const told = once(identity, name)
  time.advance(ms)
  const [details] = await told
  return details
}

test('the first certificate comes with the token, each further one with the newest certificate and a new key', async t => {
  const { time, authority, start } = await stage(t)
  const identity = await start()
  const first = identity.svid
  assert.equal(`${identity.id}`, authority.ca.id('acme', 'a'))
  await until(identity, 'renewed', time, 2.5 * MINUTE)
  const second = identity.svid
  await until(identity, 'renewed', time, 2.5 * MINUTE)
  const asked = authority.asked
  assert.deepEqual(
    asked.map(({ token }) => token !== null),
    [true, false, false],
  )
  assert.deepEqual(
    asked.map(({ parent }) => parent),
    [null, first.serial, second.serial],
  )
  assert.equal(new Set(asked.map(({ key }) => key)).size, 3)
})

test('it renews when the authority said, not before', async t => {
  const { time, authority, start, exchange } = await stage(t)
  const identity = await start()
  // Half of five minutes; the fake issues at whole seconds.
  time.advance(2.5 * MINUTE - 1001)
  await exchange()
  assert.equal(authority.asked.length, 1)
  await until(identity, 'renewed', time, 1001)
})

for (const skew of [-60 * MINUTE, -20_000, 20_000, 60 * MINUTE])
  test(`a clock that is ${-skew / 1000} s ahead of the authority's changes nothing of that`, async t => {
    const { time, authority, start, exchange } = await stage(t)
    authority.skew = skew
    const identity = await start()
    time.advance(2.5 * MINUTE - 2001)
    await exchange()
    assert.equal(authority.asked.length, 1)
    await until(identity, 'renewed', time, 2001)
    assert.equal(authority.asked.length, 2)
  })

test('an authority that names a moment in the past, or after the end, is not asked in a loop, nor too late', async t => {
  const { time, authority, start, exchange } = await stage(t)
  authority.renewAfterSec = -3600
  const identity = await start()
  time.advance(999)
  await exchange()
  assert.equal(authority.asked.length, 1)
  authority.renewAfterSec = 3600
  await until(identity, 'renewed', time, 1)
  await until(identity, 'renewed', time, 300_000)
})

test('after sleep it renews within seconds, with its own certificate', async t => {
  const { time, authority, start } = await stage(t)
  const identity = await start()
  const { serial } = identity.svid
  time.jump(60 * MINUTE)
  await until(identity, 'renewed', time, 5_000)
  assert.equal(authority.asked[1]?.parent, serial)
})

test('a clock that is set back does not put a renewal off', async t => {
  const { time, start } = await stage(t)
  const identity = await start()
  time.jump(-60 * MINUTE)
  await until(identity, 'renewed', time, 2.5 * MINUTE)
})

test('a reply that was lost is asked for again with the same key, so that nothing forks', async t => {
  const { time, authority, start } = await stage(t)
  const identity = await start()
  authority.mishap({ cut: 'after' }).mishap({ cut: 'before' })
  const failing = (await until(identity, 'failing', time, 2.5 * MINUTE)) as Failing
  assert.equal(failing.error.code, 'authority_unreachable')
  assert.equal(failing.failures, 1)
  assert.ok(failing.validUntil)
  await until(identity, 'failing', time, 1000)
  await until(identity, 'renewed', time, 2000)
  const [, ...renewals] = authority.asked
  assert.equal(renewals.length, 3)
  assert.equal(new Set(renewals.map(({ key }) => key)).size, 1)
  assert.equal(new Set(renewals.map(({ parent }) => parent)).size, 1)
})

test('the same holds for the first one: one token, one key', async t => {
  const { time, authority, start } = await stage(t)
  authority.mishap({ cut: 'after' })
  const started = start()
  // While it asks nothing is due but the end of the start, which stays where it is however long that takes.
  const ticking = setInterval(() => time.skip(LOOK_EVERY_MS), 1)
  await started
  clearInterval(ticking)
  assert.equal(authority.asked.length, 2)
  assert.equal(new Set(authority.asked.map(({ key }) => key)).size, 1)
})

test('in an outage it goes on, slower and slower, and recovers by itself', async t => {
  const { time, authority, start } = await stage(t)
  const identity = await start()
  for (let i = 0; i < 8; i++) authority.refuse(503, 'store_unavailable')
  const waits: number[] = []
  let failing = (await until(identity, 'failing', time, 2.5 * MINUTE)) as Failing
  for (let i = 0; i < 7; i++) {
    waits.push(failing.retryAt.getTime() - time.now())
    failing = (await until(identity, 'failing', time, 30_000)) as Failing
  }
  for (const [i, wait] of waits.entries())
    assert.ok(wait >= Math.min(500 * 2 ** i, 15_000) && wait <= 30_000, `${waits}`)
  await until(identity, 'renewed', time, 30_000)
  authority.refuse(503, 'store_unavailable')
  const again = (await until(identity, 'failing', time, 2.5 * MINUTE)) as Failing
  assert.equal(again.failures, 1)
})

test('Retry-After is obeyed, by renew() too', async t => {
  const { time, authority, start, exchange } = await stage(t)
  const identity = await start()
  authority.refuse(429, 'rate_limited', { 'retry-after': '40' })
  await assert.rejects(identity.renew(), { code: 'rate_limited', status: 429, retryAfter: 40_000 })
  const renewed = identity.renew()
  time.advance(39_999)
  await exchange()
  assert.equal(authority.asked.length, 2)
  time.advance(1)
  await renewed
  assert.equal(authority.asked.length, 3)
})

test('renew() renews now, and those who ask at once share one renewal', async t => {
  const { time, authority, start } = await stage(t)
  const identity = await start()
  const { serial } = identity.svid
  const [a, b] = await Promise.all([identity.renew(), identity.renew()])
  assert.equal(a, b)
  assert.notEqual(a.serial, serial)
  assert.equal(authority.asked.length, 2)
  await until(identity, 'renewed', time, 2.5 * MINUTE)
  assert.equal(authority.asked.length, 3)
})

for (const code of [
  'lineage_ended',
  'lineage_forked',
  'certificate_revoked',
  'certificate_expired',
  'incarnation_dead',
])
  test(`${code}: a function given as token is asked again`, async t => {
    const { time, authority, start } = await stage(t)
    const tokens: string[] = []
    const identity = await start({ token: async () => tokens[tokens.push(authority.mint()) - 1]! })
    authority.refuse(403, code)
    const failing = (await until(identity, 'failing', time, 2.5 * MINUTE)) as Failing
    assert.equal(failing.error.code, code)
    await until(identity, 'renewed', time, 1000)
    assert.equal(tokens.length, 2)
    assert.deepEqual(
      authority.asked.map(({ token }) => token),
      [tokens[0], null, tokens[1]],
    )
    assert.equal(new Set(authority.asked.map(({ key }) => key)).size, 3)
    await until(identity, 'renewed', time, 2.5 * MINUTE)
    assert.equal(authority.asked[3]?.token, null)
  })

test('with a token that serves once the identity is lost then, and says what to do', async t => {
  const { time, authority, start } = await stage(t)
  const identity = await start()
  const { serial } = identity.svid
  authority.refuse(403, 'lineage_ended')
  const lost = (await until(identity, 'lost', time, 2.5 * MINUTE)) as Lost
  assert.equal(lost.code, 'lineage_ended')
  assert.equal(lost.remedy, 'Remedy for lineage_ended.')
  assert.equal(lost.error.requestId, 'r-1')
  assert.equal(time.waiting, 0)
  assert.equal(identity.svid.serial, serial)
})

test('fresh tokens that are refused are not asked for without end', async t => {
  const { time, authority, start } = await stage(t)
  let tokens = 0
  const identity = await start({
    token: () => {
      tokens++
      return authority.mint()
    },
  })
  for (let i = 0; i < 10; i++) authority.refuse(403, 'incarnation_dead')
  const lost = once(identity, 'lost')
  const ticking = setInterval(() => time.advance(1000), 1)
  const [{ code }] = await lost
  clearInterval(ticking)
  assert.equal(code, 'incarnation_dead')
  assert.equal(tokens, 5)
})

test('a function that fails is asked again, and what it said is not repeated', async t => {
  const { time, authority, start } = await stage(t)
  let calls = 0
  const identity = await start({
    token: () => {
      if (++calls === 2) throw new Error('password hunter2 is wrong')
      return authority.mint()
    },
  })
  authority.refuse(403, 'lineage_ended')
  await until(identity, 'failing', time, 2.5 * MINUTE)
  const failing = (await until(identity, 'failing', time, 1000)) as Failing
  assert.equal(failing.error.code, 'token_unavailable')
  assert.doesNotMatch(failing.error.message, /hunter2/)
  await until(identity, 'renewed', time, 2000)
})

for (const code of ['agent_quarantined', 'agent_retired'])
  test(`${code}: lost at once, no token is asked for; renew() tries again`, async t => {
    const { time, authority, start } = await stage(t)
    const identity = await start({ token: () => authority.mint() })
    authority.refuse(403, code)
    const lost = (await until(identity, 'lost', time, 2.5 * MINUTE)) as Lost
    assert.equal(lost.code, code)
    assert.equal(time.waiting, 0)
    await identity.renew()
    await until(identity, 'renewed', time, 2.5 * MINUTE)
  })

test('a key that was used already is replaced, a lifetime that is no longer allowed left out', async t => {
  const { time, authority, start } = await stage(t)
  const identity = await start({ ttlSec: 200 })
  assert.equal(authority.asked[0]?.ttlSec, 200)
  authority.refuse(403, 'key_reused')
  await until(identity, 'failing', time, 100_000)
  await until(identity, 'renewed', time, 1000)
  assert.notEqual(authority.asked[1]?.key, authority.asked[2]?.key)
  authority.ttlSec = 100
  await until(identity, 'failing', time, 100_000)
  await until(identity, 'renewed', time, 1000)
  assert.deepEqual(
    authority.asked.slice(3).map(({ ttlSec }) => ttlSec),
    [200, undefined],
  )
})

test('a renewal for somebody else ends it', async t => {
  const { time, authority, start } = await stage(t)
  const identity = await start()
  const { id } = identity
  authority.actAs = 'other'
  const lost = (await until(identity, 'lost', time, 2.5 * MINUTE)) as Lost
  assert.equal(lost.code, 'identity_changed')
  assert.equal(identity.id, id)
})

test('a closed identity renews no more', async t => {
  const { time, authority, start } = await stage(t)
  const identity = await start()
  await identity.close()
  assert.equal(time.waiting, 0)
  await assert.rejects(identity.renew(), { code: 'identity_closed' })
  await assert.rejects(identity.fetch('https://localhost/', { peer: id => id }), { code: 'identity_closed' })
  assert.equal(authority.asked.length, 1)
})

test('neither the identity nor its errors show the key or the token', async t => {
  const { time, authority, start } = await stage(t)
  const token = authority.mint()
  const identity = await start({ token })
  authority.refuse(403, 'lineage_ended')
  const lost = await until(identity, 'lost', time, 2.5 * MINUTE)
  const options = { depth: Number.POSITIVE_INFINITY, showHidden: true }
  const shown = [
    inspect(identity, options),
    inspect(lost, options),
    JSON.stringify(identity.svid),
    JSON.stringify(identity),
  ]
  for (const text of shown) {
    assert.ok(!text.includes(token))
    assert.doesNotMatch(text, /PRIVATE KEY/)
  }
})

test('what a listener throws does not end the renewal', async t => {
  const { time, authority, start } = await stage(t)
  const identity = await start()
  const thrown = new Promise(resolve => process.setUncaughtExceptionCaptureCallback(resolve))
  t.after(() => process.setUncaughtExceptionCaptureCallback(null))
  identity.once('renewed', () => {
    throw new Error('in a listener')
  })
  time.advance(2.5 * MINUTE)
  assert.equal(((await thrown) as Error).message, 'in a listener')
  await until(identity, 'renewed', time, 2.5 * MINUTE)
  assert.equal(authority.asked.length, 3)
})
