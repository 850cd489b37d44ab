import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { LanyardError, type NodeChange, type Sink } from '@lanyard/api'
import {
  createEntries,
  exclusive,
  type NodeCaller,
  type NodeState,
  nodeCaller,
  type Step,
  type Store,
} from '@lanyard/authority'
import { jwkFromSpki, jwkThumbprint } from '@lanyard/protocol'
import { generateKeyNow, nodeCrypto, spkiOf } from '@lanyard/protocol/node'
import { inProcessBus } from '../bus/in-process.ts'
import { openPipeline, type Pipeline } from '../testing/pipeline.ts'
import { RunningNodeNews } from './news.ts'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

/** A connection by hand: it takes what it is told to. */
class Pipe implements Sink {
  readonly lines: NodeChange[] = []
  takes = true
  ended = false
  #drained = () => {}

  write(bytes: Uint8Array): boolean {
    assert.ok(this.takes || this.lines.at(-1)?.kind !== 'entries', 'written to although it takes nothing')
    this.lines.push(JSON.parse(Buffer.from(bytes).toString()))
    return this.takes
  }

  onDrain(listener: () => void): void {
    this.#drained = listener
  }

  end(): void {
    this.ended = true
  }

  cut(): void {
    this.ended = true
  }

  drain(): void {
    this.takes = true
    this.#drained()
  }

  get told(): number {
    return this.lines.flatMap(line => (line.kind === 'entries' ? line.entries : [])).length
  }
}

let now = Date.now()
let pipeline: Pipeline
let reads: Pick<Store, 'read'>
let failing = false
const bus = inProcessBus()

const newsOn = (settings: object = {}) =>
  RunningNodeNews.start({
    ...{ store: reads, watch: reads, rows: pipeline.rows, authorities: pipeline.authorities, bus },
    feed: { feedId: 'f1', confirmNodes: async () => {}, onDeaths() {} },
    epoch: () => 7,
    ...{ crypto: nodeCrypto, clock: { now: () => now }, timers: { every: () => () => {} }, log: quiet, pollMs: 200 },
    ...settings,
  })

let made = 0
async function node(name = `n${++made}`): Promise<NodeCaller> {
  const spki = spkiOf(generateKeyNow('P-256'))
  const state: NodeState = {
    node: `${++made}`.padStart(32, '0'),
    name,
    tenant: 'acme',
    groups: [],
    spiffeId: `spiffe://example.test/lanyard/node/acme/${name}`,
    method: 'join_token',
    joinedBy: null,
    keyThumbprint: jwkThumbprint(jwkFromSpki(spki), nodeCrypto),
    serial: 'ab'.repeat(16),
    notAfter: Math.floor(now / 1000) + 3600,
    attestedAt: now,
    renewedAt: now,
    bannedAt: null,
    banReason: null,
  }
  await pipeline.store.write(() => pipeline.rows.nodes.insert(state), exclusive('acme'))
  return nodeCaller(state, spki)
}

async function entries(count: number): Promise<void> {
  const { store, rows, act } = pipeline
  const inputs = Array.from({ length: count }, () => ({
    ...{ id: `${++made}`.padStart(32, '0'), tenant: 'acme', agent: 'invoice' },
    settings: { selectors: [`unix:uid:${made}`] },
  }))
  const rules = { dnsSuffixes: [], trustDomain: pipeline.authorities.bundle().trustDomain }
  await store.write(() => createEntries(rows, inputs, rules as never, act()), exclusive('acme'))
}

async function follow(news: RunningNodeNews, caller: NodeCaller, pipe = new Pipe()) {
  const streaming = await news.follow(null, caller)
  return { pipe, stop: streaming(pipe) }
}

beforeEach(async () => {
  now = Date.now()
  failing = false
  pipeline = await openPipeline({ now: () => now })
  await pipeline.tenant('acme')
  await pipeline.agent({ tenant: 'acme', agent: 'invoice' })
  reads = {
    read: <T>(step: () => Step<T>) =>
      failing ? Promise.reject(new LanyardError('store_unavailable', 'down')) : pipeline.store.read(step),
  }
})
afterEach(() => pipeline.close())

describe('news of nodes', () => {
  test('reach every instance by the bus, whoever committed', async () => {
    const [here, there] = [await newsOn(), await newsOn()]
    const { pipe } = await follow(there, await node())
    await there.turn()
    await entries(3)
    here.tell()
    await there.turn()
    assert.equal(pipe.told, 3)
    here.stop()
    there.stop()
  })

  test('wait outside of memory for whoever takes nothing, and hold nobody up', async () => {
    await entries(1100)
    const news = await newsOn()
    const slow = new Pipe()
    slow.takes = false
    const stuck = await follow(news, await node(), slow)
    const { pipe } = await follow(news, await node())
    await news.turn()
    await news.turn()
    assert.deepEqual([slow.lines.map(({ kind }) => kind), pipe.told], [['bundles'], 1100])
    slow.drain()
    await news.turn()
    assert.equal(slow.told, 1100)
    stuck.stop()
    assert.equal(news.readers, 1)
    news.stop()
    assert.ok(pipe.ended && slow.ended)
  })

  test('come later where the database could not be read', async () => {
    const news = await newsOn()
    const { pipe } = await follow(news, await node())
    await news.turn()
    await entries(1)
    failing = true
    await news.turn()
    await assert.rejects(news.follow(null, await node()), { code: 'store_unavailable' })
    assert.equal(pipe.told, 0)
    failing = false
    await news.turn()
    assert.equal(pipe.told, 1)
    news.stop()
  })

  test('begin anew on another database', async () => {
    await entries(2)
    let feedId = 'f1'
    const feed = {
      get feedId() {
        return feedId
      },
      confirmNodes: async () => {},
      onDeaths() {},
    }
    const news = await newsOn({ feed })
    const caller = await node()
    const { pipe } = await follow(news, caller)
    await news.turn()
    feedId = 'f2'
    await news.turn()
    const last = pipe.lines.at(-1)!
    assert.ok(last.kind === 'ended' && last.code === 'resync' && pipe.ended)
    news.stop()
  })

  test('are for few streams of one node', async () => {
    const news = await newsOn()
    const caller = await node()
    for (let open = 0; open < 4; open++) await follow(news, caller)
    await assert.rejects(news.follow(null, caller), { code: 'rate_limited' })
    const other = await node()
    const opened = await Promise.all(Array.from({ length: 9 }, () => news.follow(null, other)))
    const pipes = opened.map(streaming => {
      const pipe = new Pipe()
      streaming(pipe)
      return pipe
    })
    assert.equal(pipes.filter(({ ended }) => !ended).length, 4)
    await follow(news, await node())
    news.stop()
    await assert.rejects(news.follow(null, await node()), { code: 'not_ready' })
  })
})
