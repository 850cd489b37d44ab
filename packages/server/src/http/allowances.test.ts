import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ApiKeyCaller, Caller, NodeCaller, TokenCaller } from '@lanyard/authority'
import { Deadlines } from './deadlines.ts'
import { RateLimit } from './rate-limit.ts'
import { networkOf, Strikes } from './strikes.ts'
import { TokenBucket } from './token-bucket.ts'

describe('a token bucket', () => {
  test('gives its burst at once, then one each interval, and tells how long to wait', () => {
    const bucket = new TokenBucket(10, 3, 0)
    assert.deepEqual([bucket.take(0), bucket.take(0), bucket.take(0), bucket.take(0)], [0, 0, 0, 100])
    assert.equal(bucket.take(99), 1)
    assert.equal(bucket.take(100), 0)
    assert.equal(bucket.take(100), 100)
  })

  test('never holds more than its burst', () => {
    const bucket = new TokenBucket(10, 2, 0)
    assert.deepEqual([bucket.take(1e9), bucket.take(1e9), bucket.take(1e9)], [0, 0, 100])
  })

  test('goes on by a clock that is set back', () => {
    const bucket = new TokenBucket(1, 1, 1_000_000)
    assert.equal(bucket.take(1_000_000), 0)
    assert.equal(bucket.take(0), 1000)
    assert.equal(bucket.take(999), 1)
  })
})

describe('calls by identity', () => {
  const EACH = { per: 'identity' } as const
  const clock = { ms: 0, now: () => clock.ms }
  const apiKey = (id: string, rateLimit: number | null) => ({ kind: 'api-key', id, rateLimit }) as ApiKeyCaller
  const agent = (name: string) => ({ kind: 'agent-token', tenant: 't', agent: name }) as TokenCaller
  const calls = (limit: RateLimit, caller: ApiKeyCaller | TokenCaller, times: number) => {
    for (let i = 0; i < times; i++) limit.spend(caller, 'whoami', EACH)
  }

  test('are counted apart', () => {
    const limit = new RateLimit(5, clock)
    calls(limit, agent('a'), 5)
    assert.throws(() => limit.spend(agent('a'), 'whoami', EACH), { code: 'rate_limited' })
    calls(limit, agent('b'), 5)
  })

  test('by the token of a provider use up nothing of the agent that it names, which may be another’s', () => {
    const limit = new RateLimit(5, clock)
    const named = (idp: string, name: string) => ({ kind: 'external-token', tenant: 't', agent: name, idp }) as Caller
    const spend = (caller: Caller) => limit.spend(caller, 'federatedBootstrap', EACH)
    for (let i = 0; i < 5; i++) spend(named('i1', 'a'))
    assert.throws(() => spend(named('i1', 'a')), { code: 'rate_limited' })
    for (const other of [named('i1', 'b'), named('i2', 'a')]) spend(other)
    calls(limit, agent('a'), 5)
  })

  test('of an API key are counted by its own number, and not at all by zero', () => {
    const limit = new RateLimit(5, clock)
    calls(limit, apiKey('own', 7), 7)
    assert.throws(() => limit.spend(apiKey('own', 7), 'whoami', EACH), { code: 'rate_limited' })
    calls(limit, apiKey('free', 0), 1000)
    calls(new RateLimit(0, clock), agent('a'), 1000)
  })

  test('of a route with an allowance of its own are counted apart from others', () => {
    const limit = new RateLimit(10, clock)
    const node = { kind: 'node-certificate', node: 'n' } as NodeCaller
    const many = { per: 'identity', times: 5 } as const
    for (let i = 0; i < 50; i++) limit.spend(node, 'issueJwtSvid', many)
    assert.throws(() => limit.spend(node, 'issueJwtSvid', many), { code: 'rate_limited' })
    limit.spend(node, 'issueWorkloadCert', many)
    limit.spend(node, 'renewNode', EACH)
    const few = { per: 'identity', times: 0.03 } as const
    limit.spend(node, 'reportSignals', few)
    assert.throws(() => limit.spend(node, 'reportSignals', few), { code: 'rate_limited' })
    new RateLimit(0, clock).spend(node, 'reportSignals', few)
  })

  test('that count as several are counted so, and one that is more than all is not shut out for ever', () => {
    const at = { ms: 0, now: () => at.ms }
    const limit = new RateLimit(60, at)
    limit.spend(agent('a'), 'whoami', EACH, 59)
    assert.throws(() => limit.spend(agent('a'), 'whoami', EACH, 2), { code: 'rate_limited' })
    limit.spend(agent('a'), 'whoami', EACH)
    limit.spend(agent('b'), 'whoami', EACH, 90)
    assert.throws(() => limit.spend(agent('b'), 'whoami', EACH), { code: 'rate_limited' })
    at.ms = 31_000
    limit.spend(agent('b'), 'whoami', EACH)
    assert.throws(() => limit.spend(agent('b'), 'whoami', EACH), { code: 'rate_limited' })
  })

  test('of more identities than are remembered cost no more memory', () => {
    const limit = new RateLimit(1, clock)
    for (let i = 0; i < 100_001; i++) limit.spend(agent(`a${i}`), 'whoami', EACH)
    limit.spend(agent('a0'), 'whoami', EACH)
    assert.throws(() => limit.spend(agent('a100000'), 'whoami', EACH), { code: 'rate_limited' })
  })
})

describe('strikes', () => {
  test('keep a network outside for a minute after the third', () => {
    let now = 0
    const strikes = new Strikes(() => now)
    strikes.add('n')
    strikes.add('n')
    assert.equal(strikes.refuses('n'), false)
    strikes.add('n')
    assert.equal(strikes.refuses('n'), true)
    assert.equal(strikes.refuses('m'), false)
    now = 60_000
    assert.equal(strikes.refuses('n'), false)
    strikes.add('n')
    assert.equal(strikes.refuses('n'), false)
  })

  test('forget the networks that offended longest ago, so that memory has an end', () => {
    const strikes = new Strikes(() => 0)
    for (let i = 0; i < 3; i++) strikes.add('first')
    for (let i = 0; i < 10_000; i++) strikes.add(`n${i}`)
    assert.equal(strikes.refuses('first'), false)
  })

  test('are by address in IPv4, by the first 64 bits in IPv6', () => {
    for (const [address, network] of [
      ['192.0.2.1', '192.0.2.1'],
      ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::'],
      ['2001:db8::1', '2001:db8:0:0::'],
      ['2001:db8:1:2::', '2001:db8:1:2::'],
      ['::1', '0:0:0:0::'],
      ['fe80::1%eth0', 'fe80:0:0:0::'],
      ['unknown', 'unknown'],
    ] as const) {
      assert.equal(networkOf(address), network)
    }
  })
})

test('deadlines are told once when missed, and never when kept', () => {
  let now = 0
  const deadlines = new Deadlines(100, () => now)
  const missed: string[] = []
  const kept = deadlines.begin(() => missed.push('kept'))
  deadlines.begin(() => missed.push('first'))
  now = 50
  deadlines.begin(() => missed.push('second'))
  kept()
  now = 99
  deadlines.sweep()
  assert.deepEqual(missed, [])
  now = 100
  deadlines.sweep()
  deadlines.sweep()
  assert.deepEqual(missed, ['first'])
  now = 150
  deadlines.sweep()
  assert.deepEqual(missed, ['first', 'second'])
})
