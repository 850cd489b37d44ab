import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import {
  banNode,
  createEntries,
  exclusive,
  type NodeCaller,
  type NodeState,
  nodeCaller,
  WorkloadDoor,
  withEpoch,
} from '@lanyard/authority'
import { buildCsr, jwkFromSpki, jwkThumbprint } from '@lanyard/protocol'
import { generateKeyNow, nodeCrypto, nodeSigner, spkiOf } from '@lanyard/protocol/node'
import { postgresBus } from '../bus/postgres.ts'
import { MemoryKeys } from '../keys/memory.ts'
import { openPostgresStore } from '../store/postgres/open.ts'
import { pipelineOn } from '../testing/pipeline.ts'
import { type PostgresServer, startPostgres } from '../testing/postgres.ts'
import { RunningNodeNews } from './news.ts'

const clock = { now: () => Date.now() }
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const dice = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }

let server: PostgresServer
before(async () => {
  server = await startPostgres()
})
after(() => server.stop())

/** An instance that looks when the database tells it to, and never by itself. */
async function instanceOn(url: string, keys: MemoryKeys) {
  const open = await openPostgresStore({ url, trustDomain: 'example.test', instance: randomUUID(), clock })
  const pipeline = await pipelineOn(open, clock, keys)
  const bus = postgresBus(url, quiet)
  const { store, rows, authorities } = pipeline
  const news = await RunningNodeNews.start({
    ...{ store, watch: open.watch, rows, authorities, bus, clock, log: quiet, crypto: nodeCrypto, pollMs: 200 },
    feed: { feedId: 'f1', confirmNodes: async () => {}, onDeaths() {} },
    epoch: () => 0,
    timers: { every: () => () => {} },
  })
  const door = new WorkloadDoor({ ...pipeline, crypto: nodeCrypto, dice, maxLineageSec: 2_592_000 })
  const close = async () => {
    news.stop()
    await bus.close()
    await pipeline.close()
  }
  return { ...pipeline, news, door, close }
}

type Instance = Awaited<ReturnType<typeof instanceOn>>

async function nodeIn({ store, rows }: Instance): Promise<NodeCaller> {
  const spki = spkiOf(generateKeyNow('P-256'))
  const state: NodeState = {
    ...{ node: 'ab'.repeat(16), name: 'n1', tenant: 'acme', groups: [], method: 'join_token', joinedBy: null },
    spiffeId: 'spiffe://example.test/lanyard/node/acme/n1',
    keyThumbprint: jwkThumbprint(jwkFromSpki(spki), nodeCrypto),
    ...{ serial: 'ab'.repeat(16), notAfter: Math.floor(clock.now() / 1000) + 3600 },
    ...{ attestedAt: clock.now(), renewedAt: clock.now(), bannedAt: null, banReason: null },
  }
  await store.write(() => rows.nodes.insert(state), exclusive('acme'))
  return nodeCaller(state, spki)
}

const hex = (number: number) => number.toString(16).padStart(32, '0')

async function entryIn({ store, rows, act, dnsSuffixes }: Instance, id: string): Promise<string> {
  const input = {
    id,
    tenant: 'acme',
    agent: 'invoice',
    settings: { selectors: [`unix:uid:${Number.parseInt(id, 16)}`] },
  }
  await store.write(() => createEntries(rows, [input], { dnsSuffixes } as never, act()), exclusive('acme'))
  return id
}

/** Lines as they come, and when there are so many. */
function collector() {
  const lines: Record<string, unknown>[] = []
  let wake = () => {}
  return {
    lines,
    sink: {
      write(bytes: Uint8Array) {
        lines.push(JSON.parse(Buffer.from(bytes).toString()))
        wake()
        return true
      },
      onDrain() {},
      end() {},
      cut() {},
    },
    async until(enough: () => boolean) {
      while (!enough()) await new Promise<void>(resolve => (wake = resolve))
    },
  }
}

test('what one instance commits, the nodes of another hear, and get SVIDs there until the ban', async t => {
  const url = await server.createDatabase()
  const keys = new MemoryKeys()
  const here = await instanceOn(url, keys)
  const there = await instanceOn(url, keys)
  t.after(() => Promise.all([here.close(), there.close()]))
  await here.tenant('acme')
  await here.agent({ tenant: 'acme', agent: 'invoice' })
  const caller = await nodeIn(here)
  const heard = collector()
  const streaming = await there.news.follow(null, caller)
  const stop = streaming(heard.sink)
  await heard.until(() => heard.lines.length >= 2)
  // The connection that listens may still be on its way: what is told before, a look of its own would find.
  let entry = await entryIn(here, hex(1))
  for (let i = 2; heard.lines.length < 3; i++) entry = await entryIn(here, hex(i))
  await heard.until(() => JSON.stringify(heard.lines).includes(entry))

  const request = { caller, entry, source: null, correlation: null }
  const csr = async () => await buildCsr(nodeSigner(generateKeyNow('P-256')))
  const first = await there.door.x509(request, await csr(), null)
  const { lineage, serial } = first
  const second = await here.door.x509(request, await csr(), { lineage, serial })
  assert.equal(second.lineage, lineage)
  await here.door.jwt(request, ['billing'])
  await there.door.wit(request, await csr())
  // Of two that follow one certificate at once, one is a copy.
  const both = await Promise.allSettled(
    [here, there].map(async ({ door }) => door.x509(request, await csr(), { lineage, serial: second.serial })),
  )
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  // And of a hundred that come at once with nothing in hand, all are found again.
  await Promise.all(
    Array.from({ length: 40 }, async (_, i) => (i % 2 === 0 ? here : there).door.x509(request, await csr(), null)),
  )

  const { node } = caller
  const ban = withEpoch(() => banNode(here.rows, node, 'stolen', here.act()), here.rows)
  await here.store.urgent(ban, exclusive('acme'))
  await heard.until(() => heard.lines.at(-1)!.kind === 'ended')
  assert.equal(heard.lines.at(-1)!.code, 'node_banned')
  await assert.rejects(there.door.jwt(request, ['billing']), { code: 'node_banned' })
  const { rows } = there
  const filter = { tenant: 'acme', agent: 'invoice', alive: true, now: clock.now() }
  const alive = await there.store.read(() => rows.certificates.list(filter, { limit: 100, after: null }))
  assert.deepEqual(alive.items, [])
  stop()
})
