import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { DeathState } from '@lanyard/authority'
import { type FeedLine, FeedVerifier, subjectOf } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import type { CertifiedSigner } from '../instance/authorities.ts'
import { World } from '../instance/world.suite.ts'
import { Hub } from './hub.ts'
import { Ring } from './ring.ts'
import type { Sight } from './sight.ts'

const world = await World.make()
const authorities = await world.open()
const NEVER = { reader: 'x', until: Number.POSITIVE_INFINITY, confirm: async () => {} }
const T0 = world.clock.now()

const sight = (epoch: number, deaths: readonly DeathState[] = [], more: Partial<Sight> = {}): Sight => ({
  epoch,
  asOf: T0 + epoch,
  place: 'here',
  told: 'changes',
  deaths,
  ...more,
})
const first = (epoch = 0, deaths: readonly DeathState[] = []) => sight(epoch, deaths, { told: 'all' })
const death = (value: string, epoch: number): DeathState => {
  return { kind: 'agent', value, through: 1, reborn: 0, epoch, at: 0, until: null }
}
const named = (value: string) => subjectOf('agent', value, nodeCrypto)

/** A reader that takes what comes, or nothing while it is full. */
class FakeSink {
  text = ''
  pieces = 0
  full = false
  ended = false
  wasCut = false
  #drained = () => {}
  readonly #waiting: (() => void)[] = []
  readonly #verifier = new FeedVerifier({
    trustDomain: world.wanted.trustDomain,
    roots: () => authorities.roots(),
    crypto: nodeCrypto,
  })

  write(bytes: Uint8Array): boolean {
    this.pieces++
    this.text += Buffer.from(bytes).toString('latin1')
    for (const wake of this.#waiting.splice(0)) wake()
    return !this.full
  }

  async until(enough: () => boolean): Promise<void> {
    while (!enough()) await new Promise<void>(resolve => this.#waiting.push(resolve))
  }

  onDrain(listener: () => void): void {
    this.#drained = listener
  }

  drain(): void {
    this.full = false
    this.#drained()
  }

  end(): void {
    this.ended = true
  }

  cut(): void {
    this.wasCut = true
  }

  /** The lines that came since the last call, each verified. */
  lines(): FeedLine[] {
    const lines = this.text.split('\n')
    this.text = lines.pop()!
    return lines.map(line => this.#verifier.verify(line, T0))
  }
}

function newHub(options: { signer?: () => CertifiedSigner; ring?: Ring; heartbeatMs?: number } = {}): Hub {
  return new Hub({
    instance: world.wanted.instance,
    template: '/tenant/{tenant}/agent/{agent}',
    signer: () => authorities.feedSigner(),
    crypto: nodeCrypto,
    seed: 'seed',
    heartbeatMs: 1000,
    ...options,
  })
}

type From = Parameters<Hub['follow']>[0]

async function read(hub: Hub, from: From = null, sink = new FakeSink()): Promise<FakeSink> {
  ;(await hub.follow(from, NEVER))(sink)
  return sink
}

describe('a reader', () => {
  test('begins with a snapshot and goes on with what comes', async () => {
    const hub = newHub()
    await hub.saw(first(3, [death('a', 2)]))
    const sink = await read(hub)
    await hub.saw(sight(5, [death('b', 5)]))
    const [snapshot, delta] = sink.lines()
    assert.deepEqual([snapshot!.kind, snapshot!.epoch, snapshot!.prev], ['snapshot', 3, 0])
    assert.equal(snapshot!.template, '/tenant/{tenant}/agent/{agent}')
    assert.deepEqual(snapshot!.deaths, [{ subject: named('a'), through: 1, until: null }])
    assert.deepEqual([delta!.kind, delta!.prev, delta!.epoch, delta!.asOf], ['delta', 3, 5, T0 + 5])
    assert.deepEqual(delta!.deaths, [{ subject: named('b'), through: 1, until: null }])
  })

  test('goes on from the epoch that it had, if the feed is the same and knows it', async () => {
    const hub = newHub()
    await hub.saw(first(3, [death('a', 2)]))
    await hub.saw(sight(5, [death('b', 5)]))
    const { feedId } = hub
    const rows: [From, string, number, number][] = [
      [{ since: 3, feedId }, 'delta', 3, 1],
      [{ since: 3, feedId: null }, 'delta', 3, 1],
      [{ since: 5, feedId }, 'delta', 5, 0],
      [{ since: 2, feedId }, 'snapshot', 0, 2],
      [{ since: 6, feedId }, 'snapshot', 0, 2],
      [{ since: 5, feedId: 'another' }, 'snapshot', 0, 2],
      [null, 'snapshot', 0, 2],
    ]
    for (const [from, kind, prev, deaths] of rows) {
      const [line] = (await read(hub, from)).lines()
      assert.deepEqual([line!.kind, line!.prev, line!.epoch, line!.deaths.length], [kind, prev, 5, deaths])
    }
  })

  test('that comes between two epochs misses none of them and has none twice', async () => {
    const hub = newHub()
    await hub.saw(first(0))
    const telling = hub.saw(sight(1, [death('a', 1)]))
    const sink = await read(hub, { since: 0, feedId: null })
    await telling
    await hub.saw(sight(2, [death('b', 2)]))
    let epoch = 0
    for (const line of sink.lines()) {
      assert.equal(line.prev, epoch)
      epoch = line.epoch
    }
    assert.equal(epoch, 2)
  })

  test('hears at once how fresh the news is, also by a beginning that was made for others', async () => {
    const hub = newHub()
    await hub.saw(first(1))
    await read(hub)
    await hub.saw(sight(1, [], { asOf: T0 + 500 }))
    const [snapshot, pulse] = (await read(hub)).lines()
    assert.deepEqual([snapshot!.asOf, pulse!.asOf, pulse!.prev, pulse!.epoch], [T0 + 1, T0 + 500, 1, 1])
  })

  test('of a hub that has seen nothing is refused', async () => {
    await assert.rejects(() => newHub().follow(null, NEVER), { code: 'not_ready' })
  })
})

test('one identity has so many readers and no more, whatever others have', async () => {
  const hub = newHub()
  await hub.saw(first(0))
  const leave: (() => void)[] = []
  for (let i = 0; i < 2000; i++) leave.push((await hub.follow(null, NEVER))(new FakeSink()))
  await assert.rejects(() => hub.follow(null, NEVER), { code: 'rate_limited' })
  await hub.follow(null, { ...NEVER, reader: 'y' })
  leave[0]!()
  await hub.follow(null, NEVER)
})

test('each tick is signed once, and each beginning once, however many read', async () => {
  const hub = newHub({ heartbeatMs: 20 })
  await hub.saw(first(1, [death('a', 1)]))
  const sinks = []
  for (let i = 0; i < 500; i++) sinks.push(await read(hub, i % 2 === 0 ? null : { since: 1, feedId: null }))
  assert.equal(hub.stats.signatures, 2)
  await hub.saw(sight(2, [death('b', 2)]))
  await hub.saw(sight(2))
  assert.equal(hub.stats.signatures, 4)
  assert.equal(new Set(sinks.filter((_, i) => i % 2 === 0).map(({ text }) => text)).size, 1)
})

test('without news a heartbeat comes when it is due, and not with every look', async () => {
  const hub = newHub({ heartbeatMs: 100_000 })
  await hub.saw(first(1))
  const sink = await read(hub)
  await hub.saw(sight(2))
  for (let i = 0; i < 10; i++) await hub.saw(sight(2))
  assert.deepEqual(
    sink.lines().map(({ prev, epoch }) => [prev, epoch]),
    [
      [0, 1],
      [1, 2],
    ],
  )
  const eager = newHub({ heartbeatMs: 0 })
  await eager.saw(first(1))
  const other = await read(eager)
  for (let i = 0; i < 3; i++) await eager.saw(sight(1, [], { asOf: T0 + i }))
  assert.deepEqual(
    other.lines().map(({ asOf }) => asOf - T0),
    [1, 0, 1, 2],
  )
})

describe('a death', () => {
  test('is told three times in the same bytes, unless something newer came', async () => {
    const hub = newHub()
    await hub.saw(first(0))
    const sink = await read(hub)
    sink.lines()
    await hub.saw(sight(1, [death('a', 1)]))
    const once = sink.text
    await sink.until(() => sink.text.length === 3 * once.length)
    assert.equal(sink.text, once.repeat(3))
    sink.lines()
    await hub.saw(sight(2, [death('b', 2)]))
    await hub.saw(sight(3, [death('c', 3)]))
    await sink.until(() => sink.text.split('\n').length === 5)
    assert.deepEqual(
      sink.lines().map(({ epoch }) => epoch),
      [2, 3, 3, 3],
    )
  })

  test('is not repeated to whom it still waits for', async () => {
    const hub = newHub()
    await hub.saw(first(0))
    const [slow, quick] = [await read(hub), await read(hub)]
    slow.full = true
    await hub.saw(sight(1, [death('a', 1)]))
    const once = slow.text
    const all = quick.text.length + 2 * (quick.text.length - slow.text.indexOf('\n') - 1)
    await quick.until(() => quick.text.length === all)
    assert.equal(slow.text, once)
    slow.drain()
    assert.equal(slow.text, once)
  })
})

describe('a slow reader', () => {
  test('takes nothing while it is full, and all of it in order afterwards', async () => {
    const hub = newHub()
    await hub.saw(first(0))
    const sink = await read(hub)
    sink.full = true
    for (let epoch = 1; epoch <= 20; epoch++) await hub.saw(sight(epoch, [death(`a${epoch}`, epoch)]))
    assert.equal(sink.lines().at(-1)!.epoch, 1)
    sink.drain()
    assert.deepEqual(
      sink.lines().map(({ epoch }) => epoch),
      Array.from({ length: 19 }, (_, i) => i + 2),
    )
  })

  test('that the ring has left behind is cut, once, and nobody else', async () => {
    const hub = newHub({ ring: new Ring(5) })
    await hub.saw(first(0))
    const [slow, quick] = [await read(hub), await read(hub)]
    slow.full = true
    for (let epoch = 1; epoch <= 20; epoch++) await hub.saw(sight(epoch, [death(`a${epoch}`, epoch)]))
    assert.deepEqual([slow.wasCut, quick.wasCut, hub.stats.lost], [true, false, 1])
    assert.equal(quick.lines().at(-1)!.epoch, 20)
  })

  test('gets a large snapshot piece by piece, as it takes them', async () => {
    const hub = newHub()
    const deaths = Array.from({ length: 10_000 }, (_, i) => death(`agent ${i}`, 1))
    await hub.saw(first(1, deaths))
    const sink = new FakeSink()
    sink.full = true
    await read(hub, null, sink)
    assert.ok(sink.text.length <= 65_536)
    for (let turns = 0; !sink.text.endsWith('\n'); turns++) {
      assert.ok(turns < 50)
      sink.drain()
      sink.full = true
    }
    assert.equal(sink.lines()[0]!.deaths.length, 10_000)
  })
})

test('another database, or an epoch that falls, is a new beginning for all', async () => {
  const hub = newHub()
  await hub.saw(first(5, [death('a', 5)]))
  const sink = await read(hub)
  const { feedId } = hub
  await hub.saw(sight(3, [death('b', 3)], { told: 'all' }))
  await hub.saw(sight(4, [death('c', 4)], { told: 'all', place: 'elsewhere' }))
  const lines = sink.lines()
  assert.deepEqual(
    lines.map(({ kind, epoch }) => [kind, epoch]),
    [
      ['snapshot', 5],
      ['snapshot', 3],
      ['snapshot', 4],
    ],
  )
  assert.deepEqual([lines[0]!.feedId, lines[1]!.feedId], [feedId, feedId])
  assert.notEqual(lines[2]!.feedId, feedId)
  assert.equal((await read(hub, { since: 4, feedId })).lines()[0]!.kind, 'snapshot')
})

test('a new key is introduced to those who read already, in the first line that it signs', async () => {
  const signers = [authorities.feedSigner(), (await (await World.make()).open()).feedSigner()]
  let [current] = signers
  const hub = newHub({ signer: () => current! })
  await hub.saw(first(0))
  const sink = await read(hub)
  const headers = () =>
    sink.text
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(atob(line.split('.')[0]!)))
  await hub.saw(sight(1))
  await hub.saw(sight(2))
  current = signers[1]
  await hub.saw(sight(3))
  await hub.saw(sight(4))
  assert.deepEqual(
    headers().map(({ kid, x5c }) => [kid, x5c !== undefined]),
    [
      [signers[0]!.kid, true],
      [signers[0]!.kid, true],
      [signers[0]!.kid, false],
      [signers[1]!.kid, true],
      [signers[1]!.kid, false],
    ],
  )
})

describe('a reading', () => {
  test('ends with the credential', async () => {
    const hub = newHub()
    await hub.saw(first(0))
    const [a, b] = [new FakeSink(), new FakeSink()]
    ;(await hub.follow(null, { ...NEVER, until: T0 + 1000 }))(a)
    ;(await hub.follow(null, { ...NEVER, until: T0 + 2000 }))(b)
    hub.sweep(T0 + 999)
    assert.deepEqual([a.ended, b.ended], [false, false])
    hub.sweep(T0 + 1000)
    assert.deepEqual([a.ended, b.ended], [true, false])
  })

  test('ends when the credential counts no more, and not when that cannot be asked', async () => {
    const hub = newHub()
    await hub.saw(first(0))
    const refuse = (code: string) => () => Promise.reject(Object.assign(new Error(code), { code }))
    const { LanyardError } = await import('@lanyard/api')
    const [deleted, unknown, odd] = [new FakeSink(), new FakeSink(), new FakeSink()]
    const follow = async (sink: FakeSink, confirm: () => Promise<void>) =>
      (await hub.follow(null, { ...NEVER, confirm }))(sink)
    await follow(deleted, () => Promise.reject(new LanyardError('unauthenticated', 'gone')))
    await follow(unknown, () => Promise.reject(new LanyardError('store_unavailable', 'away')))
    await follow(odd, refuse('ECONNRESET'))
    await hub.confirm()
    assert.deepEqual([deleted.ended, unknown.ended, odd.ended], [true, false, false])
  })

  test('ends with the hub, also one that comes then', async () => {
    const hub = newHub()
    await hub.saw(first(0))
    const sink = await read(hub)
    hub.end()
    assert.deepEqual([sink.ended, (await read(hub)).ended], [true, true])
  })
})
