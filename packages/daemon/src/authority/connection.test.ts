import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LanyardError } from '@lanyard/api'
import { IdentityError } from '@lanyard/sdk/authority'
import { FakeTime, settled } from '../testing/index.ts'
import { type AuthorityLink, Connection, SILENCE_MS } from './connection.ts'

type Followed = Parameters<AuthorityLink['follow']>[1]

class FakeLink {
  closed = false
  readonly streams = new Map<string, Followed>()
  readonly #onClose: (() => void)[] = []
  leaving = () => {}

  follow(path: string, events: Followed): void {
    this.streams.set(path, events)
  }

  say(path: string, text: string): void {
    const events = this.streams.get(path)!
    events.heard()
    events.line(text)
  }

  async call() {
    return 'answer'
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    for (const listener of this.#onClose) listener()
  }

  onClose(listener: () => void): void {
    this.#onClose.push(listener)
  }

  onLeaving(listener: () => void): void {
    this.leaving = listener
  }
}

class World {
  readonly time = new FakeTime()
  readonly links: FakeLink[] = []
  readonly lines: string[] = []
  readonly told: string[] = []
  refuse: Error | null = null
  onLine = (_text: string) => {}
  readonly connection = new Connection({
    time: this.time,
    random: () => 0,
    connect: async () => {
      if (this.refuse !== null) throw this.refuse
      const link = new FakeLink()
      this.links.push(link)
      return link as unknown as AuthorityLink
    },
    streams: () => [
      {
        path: '/changes',
        line: text => {
          this.lines.push(text)
          this.onLine(text)
        },
      },
      { path: '/feed', line: text => this.lines.push(text) },
    ],
    opened: () => this.told.push('opened'),
    lost: ({ code }) => this.told.push(`lost ${code}`),
    failed: ({ code }) => this.told.push(`failed ${code}`),
  })

  async start(): Promise<FakeLink> {
    this.connection.start()
    await settled()
    return this.links[0]!
  }
}

test('follows both streams over one connection, and asks over it', async () => {
  const world = new World()
  const link = await world.start()
  await assert.rejects(world.connection.call('POST', '/x'), { code: 'authority_unreachable' })
  link.say('/feed', 'a')
  link.say('/changes', 'b')
  assert.deepEqual([world.lines, world.told], [['a', 'b'], ['opened']])
  assert.equal(await world.connection.call('POST', '/x'), 'answer')
})

test('is made again when it is lost, soon at first and later less often', async () => {
  const world = new World()
  const link = await world.start()
  link.say('/changes', 'a')
  world.refuse = new IdentityError('authority_unreachable', 'away')
  link.close()
  await world.time.advance(60_000)
  const failures = world.told.filter(one => one.startsWith('failed')).length
  assert.ok(failures > 5 && failures < 60, `${failures} tries in a minute`)
  world.refuse = null
  await world.time.advance(5_000)
  assert.equal(world.links.length, 2)
  world.links[1]!.say('/changes', 'b')
  assert.ok(world.connection.connected)
})

test('is replaced without a gap: the old one serves until the first line of the next', async () => {
  const world = new World()
  const first = await world.start()
  first.say('/changes', 'a')
  world.connection.open(true)
  await settled()
  first.say('/changes', 'b')
  assert.ok(!first.closed)
  world.links[1]!.say('/feed', 'c')
  assert.ok(first.closed)
  first.streams.get('/changes')!.line('late')
  assert.deepEqual(world.lines, ['a', 'b', 'c'])
  assert.deepEqual(world.told, ['opened', 'opened'])
})

test('an authority that leaves is left before it is gone', async () => {
  const world = new World()
  const first = await world.start()
  first.say('/changes', 'a')
  first.leaving()
  await settled()
  assert.equal(world.links.length, 2)
})

test('silence ends it: nobody tells of a machine that went away', async () => {
  const world = new World()
  const first = await world.start()
  first.say('/changes', 'a')
  await world.time.advance(SILENCE_MS + 1_500)
  assert.equal(world.links.length, 2)
})

test('one that says nothing at all is given up', async () => {
  const world = new World()
  const first = await world.start()
  await world.time.advance(5_100)
  assert.ok(first.closed)
  assert.equal(world.links.length, 2)
  assert.deepEqual(world.told, ['failed server_unreachable'])
})

test('a line that throws ends it; a refusal of the node is not asked about in a hurry', async () => {
  const world = new World()
  world.onLine = () => {
    throw new LanyardError('node_banned', 'seen in a shell')
  }
  const first = await world.start()
  first.say('/changes', 'ended')
  assert.ok(first.closed)
  await world.time.advance(9_000)
  assert.equal(world.links.length, 1)
  assert.deepEqual(world.told, ['opened', 'lost node_banned', 'failed node_banned'])
  await world.time.advance(2_000)
  assert.equal(world.links.length, 2)
})

test('nothing goes on after it was stopped', async () => {
  const world = new World()
  const first = await world.start()
  first.say('/changes', 'a')
  world.connection.stop()
  await world.time.advance(60_000)
  assert.ok(first.closed)
  assert.equal(world.links.length, 1)
})
