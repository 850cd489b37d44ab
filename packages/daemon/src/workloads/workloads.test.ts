import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LanyardError, type NodeEntry } from '@lanyard/api'
import { SpiffeId } from '@lanyard/protocol'
import { byAge } from '../attest/index.ts'
import { Catalogue } from '../authority/catalogue.ts'
import type { Attestation, HeldProcess, Workload, WorkloadState } from '../ports.ts'
import { entryOf, SvidWorld } from '../svids/svids.suite.ts'
import { FakeProcess, noLog, noMeter, settled } from '../testing/index.ts'
import { TokenDesk } from '../tokens/desk.ts'
import { WorkloadDesk } from './workloads.ts'

/** Processes with made-up selectors; an entry matches by them alone, or as a descendant. */
class World extends SvidWorld {
  readonly selectors = new Map<number, string[]>()
  readonly refusals: string[] = []
  readonly descendants = new Set<number>()
  broken = false
  noNode: LanyardError | null = null
  examined = 0
  jwts = 0
  readonly catalogue = new Catalogue(noLog, change => {
    this.manager.entriesChanged(change.changed, change.removed)
    this.tokens.entriesChanged([...change.changed.map(({ id }) => id), ...change.removed])
    this.desk.catalogueChanged(change)
  })
  readonly tokens = new TokenDesk({
    clock: this.clock,
    meter: noMeter,
    judge: credential => this.dead(credential),
    entry: id => this.entries.get(id),
    issueJwt: async (id, audience) => {
      this.jwts++
      if (this.refusal !== null) throw this.refusal
      const { spiffe_id } = this.entries.get(id)!
      const now = this.time.now()
      const token = this.ca.jwt(SpiffeId.parse(spiffe_id), audience, Math.floor(now / 1000) + 300)
      return { token, spiffe_id, issued_at: iso(now), expires_at: iso(now + 300_000) }
    },
    issueWit: async () => assert.fail(),
  })
  readonly desk: WorkloadDesk

  constructor() {
    super()
    const attestation: Attestation = {
      examine: async process => this.#examine(process),
      match: (workload, entries) =>
        [...entries].sort(byAge).map(entry => {
          const missing = entry.selectors.filter(selector => !workload.selectors.has(selector))
          if (missing.length > 0) return { entry, given: false, code: 'no_identity', missing }
          if (this.descendants.has(workload.process.pid))
            return { entry, given: false, code: 'workload_is_descendant', missing }
          return { entry, given: true }
        }),
    }
    this.desk = new WorkloadDesk({
      attestation,
      catalogue: this.catalogue,
      svids: this.manager,
      tokens: this.tokens,
      time: this.time,
      noNode: () => this.noNode,
      log: noLog,
      meter: noMeter,
      refused: (_, code) => this.refusals.push(code),
    })
    this.onChanged = entry => this.desk.svidChanged(entry)
    const own = this.ca.bundle.toJson()
    this.catalogue.take({ kind: 'bundles', trust_domain: 'example.org', bundle: own, federated: {} })
  }

  sync(entries: NodeEntry[], removed: string[] = [], reset = false): void {
    for (const entry of entries) this.entries.set(entry.id, entry)
    for (const id of removed) this.entries.delete(id)
    this.catalogue.take({ kind: 'entries', cursor: 'c', reset, more: false, entries, removed })
  }

  process(pid: number, ...selectors: string[]): FakeProcess {
    this.selectors.set(pid, selectors)
    return new FakeProcess(pid)
  }

  follow(process: HeldProcess) {
    const states: WorkloadState[] = []
    const over = { ended: 0 }
    const stop = this.desk.follow(
      process,
      state => states.push(state),
      () => over.ended++,
    )
    return { states, over, stop }
  }

  #examine(process: HeldProcess): Workload {
    this.examined++
    if (this.broken) throw new LanyardError('attestation_failed', 'docker does not answer')
    if (!process.isAlive()) throw new LanyardError('workload_gone', 'it has ended')
    const selectors = new Set(this.selectors.get(process.pid) ?? [])
    return { process, selectors, mainOf: [], launchedFor: null }
  }
}

const iso = (at: number) => new Date(at).toISOString()
const kinds = (states: readonly WorkloadState[]) =>
  states.map(state => (state.kind === 'identities' ? state.svids.length : state.code))

test('an entry reaches a process that waits, and a removed one is withdrawn', async () => {
  const world = new World()
  world.sync([], [], true)
  const { states } = world.follow(world.process(7, 'unix:uid:7'))
  await settled()
  const entry = entryOf({ selectors: ['unix:uid:7'] })
  world.sync([entry])
  await settled()
  world.sync([], [entry.id])
  await settled()
  assert.deepEqual(kinds(states), ['no_identity', 1, 'no_identity'])
  assert.match((states[2] as { detail: string }).detail, /no identity issued/)
})

test('before the authority has told its entries nothing is refused', async () => {
  const world = new World()
  const { states } = world.follow(world.process(7, 'unix:uid:7'))
  await settled()
  assert.deepEqual(kinds(states), ['server_unreachable'])
  assert.equal(states[0]!.kind, 'unavailable')
  assert.deepEqual(world.refusals, [])
  world.sync([], [], true)
  await settled()
  assert.deepEqual(kinds(states), ['server_unreachable', 'no_identity'])
})

test('an entry that was removed and is back at once gives an identity', async () => {
  const world = new World()
  const entry = entryOf({ selectors: ['unix:uid:7'] })
  world.sync([entry], [], true)
  const { states } = world.follow(world.process(7, 'unix:uid:7'))
  await settled()
  world.sync([], [entry.id])
  world.sync([{ ...entry, revision: entry.revision + 1000 }])
  await settled()
  const serials = states.map(state => (state.kind === 'identities' ? state.svids[0]!.serial : state.code))
  assert.equal(serials.length, 2)
  assert.notEqual(serials[0], serials[1])
})

test('a node that was let go says so', async () => {
  const world = new World()
  const entry = entryOf({ selectors: ['unix:uid:7'] })
  world.sync([entry], [], true)
  const process = world.process(7, 'unix:uid:7')
  const { states } = world.follow(process)
  await settled()
  world.noNode = new LanyardError('node_banned', 'stolen')
  world.catalogue.clear()
  await settled()
  assert.deepEqual(kinds(states), [1, 'node_banned'])
  await assert.rejects(world.desk.jwtSvids(process, ['a'], null), { code: 'node_banned' })
  assert.deepEqual(world.refusals, [])
})

test('one SVID serves all processes of an entry, and each renewal reaches them once', async () => {
  const world = new World()
  world.sync([entryOf({ selectors: ['unix:uid:7'] })], [], true)
  const followers = Array.from({ length: 20 }, (_, i) => world.follow(world.process(100 + i, 'unix:uid:7')))
  await settled()
  await world.time.advance(151_000)
  assert.equal(world.asked.length, 2)
  for (const { states } of followers) assert.deepEqual(kinds(states), [1, 1])
})

test('a killed identity is told at once, and one that lives beside it stays', async () => {
  const world = new World()
  const [a, b] = [entryOf({ selectors: ['unix:uid:7'] }), entryOf({ selectors: ['unix:uid:7'] })]
  world.sync([a, b], [], true)
  const { states } = world.follow(world.process(7, 'unix:uid:7'))
  await settled()
  const examined = world.examined
  world.dead = ({ id }) => (id === a.spiffe_id ? 'agent' : 'alive')
  world.manager.judge()
  await Promise.resolve()
  assert.deepEqual(kinds(states), [2, 1])
  assert.equal(world.examined, examined, 'nothing is waited for')
  world.dead = () => 'agent'
  world.manager.judge()
  await Promise.resolve()
  assert.deepEqual(kinds(states), [2, 1, 'agent_quarantined'])
})

test('a process that became another program gets nothing new', async () => {
  const world = new World()
  world.sync([entryOf({ selectors: ['unix:path:/a'] })], [], true)
  const { states } = world.follow(world.process(7, 'unix:path:/a'))
  await settled()
  world.selectors.set(7, ['unix:path:/bin/sh'])
  await world.time.advance(151_000)
  assert.deepEqual(kinds(states), [1, 'no_identity'])
  assert.deepEqual(world.refusals, ['no_identity'])
})

test('nothing is told to a process that has ended, and its SVID is let go', async () => {
  const world = new World()
  world.sync([entryOf({ selectors: ['unix:uid:7'] })], [], true)
  const process = world.process(7, 'unix:uid:7')
  const { states, over } = world.follow(process)
  await settled()
  process.end()
  assert.equal(over.ended, 1)
  world.manager.judge()
  await world.time.advance(200_000)
  assert.deepEqual(kinds(states), [1])
  assert.deepEqual([world.desk.followers, [...world.manager.slots][0]!.followers], [0, 0])
})

test('a process that ends while it is examined is told nothing', async () => {
  const world = new World()
  world.sync([entryOf({ selectors: ['unix:uid:7'] })], [], true)
  const process = world.process(7, 'unix:uid:7')
  const { states, over } = world.follow(process)
  process.end()
  await settled()
  assert.deepEqual([states.length, over.ended], [0, 1])
})

test('descendants are refused and reported, once for a stream', async () => {
  const world = new World()
  world.descendants.add(7)
  world.sync([entryOf({ selectors: ['unix:uid:7'] })], [], true)
  const { states } = world.follow(world.process(7, 'unix:uid:7'))
  await settled()
  world.sync([entryOf({ selectors: ['unix:uid:7'] })])
  await settled()
  assert.deepEqual(kinds(states), ['workload_is_descendant'])
  assert.deepEqual(world.refusals, ['workload_is_descendant'])
  assert.equal(world.asked.length, 0)
})

test('an attestor that does not answer makes nothing known, and is asked again', async () => {
  const world = new World()
  world.sync([entryOf({ selectors: ['unix:uid:7'] })], [], true)
  world.broken = true
  const { states } = world.follow(world.process(7, 'unix:uid:7'))
  await settled()
  world.broken = false
  world.sync([entryOf()])
  await settled()
  assert.deepEqual(kinds(states), ['attestation_failed', 1])
})

test('the older of two entries keeps a hint', async () => {
  const world = new World()
  const old = entryOf({ selectors: ['unix:uid:7'], hint: 'x', created_at: iso(1e12) })
  const young = entryOf({ selectors: ['unix:uid:7'], hint: 'x', created_at: iso(2e12) })
  world.sync([young, old], [], true)
  const { states } = world.follow(world.process(7, 'unix:uid:7'))
  await settled()
  const state = states[0]!
  assert.ok(state.kind === 'identities')
  const hints = Object.fromEntries(state.svids.map(({ entry, hint }) => [entry.id, hint]))
  assert.deepEqual(hints, { [old.id]: 'x', [young.id]: null })
})

test('bundles need an entry and no SVID', async () => {
  const world = new World()
  world.sync([entryOf({ selectors: ['unix:uid:7'] })], [], true)
  const told: string[] = []
  const listener = (state: { kind: string }) => told.push(state.kind)
  world.desk.followBundles(world.process(7, 'unix:uid:7'), listener, () => {})
  world.desk.followBundles(world.process(8, 'unix:uid:8'), listener, () => {})
  await settled()
  assert.deepEqual(told.toSorted(), ['bundles', 'refused'])
  assert.equal(world.asked.length, 0)
})

test('JWT-SVIDs are kept for each audience and got anew at half life', async () => {
  const world = new World()
  world.sync([entryOf({ selectors: ['unix:uid:7'] })], [], true)
  const process = world.process(7, 'unix:uid:7')
  const first = await world.desk.jwtSvids(process, ['b', 'a'], null)
  assert.deepEqual(await world.desk.jwtSvids(process, ['a', 'b', 'a'], null), first)
  assert.equal(world.jwts, 1)
  await world.desk.jwtSvids(process, ['c'], null)
  assert.equal(world.jwts, 2)
  await world.time.advance(151_000)
  assert.notDeepEqual(await world.desk.jwtSvids(process, ['a', 'b'], null), first)
  world.refusal = new LanyardError('server_unreachable', 'away')
  await world.time.advance(160_000)
  assert.equal((await world.desk.jwtSvids(process, ['a', 'b'], null)).length, 1)
  await world.time.advance(160_000)
  await assert.rejects(world.desk.jwtSvids(process, ['a', 'b'], null), { code: 'server_unreachable' })
})

test('tokens go with a death, with a change of the entry, and are refused to whoever gets nothing', async () => {
  const world = new World()
  const entry = entryOf({ selectors: ['unix:uid:7'] })
  world.sync([entry], [], true)
  const process = world.process(7, 'unix:uid:7')
  await world.desk.jwtSvids(process, ['a'], null)
  world.sync([{ ...entry, revision: entry.revision + 1000 }])
  await world.desk.jwtSvids(process, ['a'], null)
  assert.equal(world.jwts, 2)
  world.dead = () => 'agent'
  world.refusal = new LanyardError('agent_quarantined', 'killed')
  world.tokens.judge()
  await assert.rejects(world.desk.jwtSvids(process, ['a'], null), { code: 'agent_quarantined' })
  const other = SpiffeId.parse('spiffe://example.org/other')
  await assert.rejects(world.desk.jwtSvids(process, ['a'], other), { code: 'no_identity' })
  await assert.rejects(world.desk.jwtSvids(world.process(8), ['a'], null), { code: 'no_identity' })
})
