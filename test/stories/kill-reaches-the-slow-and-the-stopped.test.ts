import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { PlainCaller } from '../support/caller.ts'
import { Cast, type ServiceProcess, until } from '../support/cast.ts'
import { followFeed } from '../support/feed-lines.ts'
import { gone } from '../support/gone.ts'
import { type LanyardUp, lanyardUp } from '../support/lanyard-up.ts'

const HEARTBEAT_MS = 100

let authority: LanyardUp
let cast: Cast
let service: ServiceProcess

before(async () => {
  authority = await lanyardUp({ flags: ['--feed-heartbeat-ms', `${HEARTBEAT_MS}`] })
  cast = await Cast.of(authority)
  service = await cast.service('service', { liveness: { budgetMs: 3000, graceMs: 1000, heartbeatMs: HEARTBEAT_MS } })
})
after(async () => {
  await service?.end()
  await authority?.remove()
})

/** Back when the feed has told of that time. */
async function toldAfter(reader: PlainCaller, time: number): Promise<void> {
  const { socket, lines } = await followFeed(reader, authority)
  for await (const { asOf } of lines()) if (asOf > time) break
  socket.destroy()
}

const callerOf = async (agent: string) => new PlainCaller(await cast.credential(agent), authority.rootPem)

test('a service that was stopped answers the living when it goes on, and not the dead', async () => {
  const [dead, alive] = await Promise.all(['stopped-dead', 'stopped-alive'].map(callerOf))
  for (const caller of [dead!, alive!]) assert.equal((await caller.call(service)).status, 200)
  service.child.kill('SIGSTOP')
  // Both calls lie in its socket before the kill, and are read in the same turn as what the feed has to say.
  const calls = [dead!.call(service), alive!.call(service)]
  const { incident, at } = await cast.kill('stopped-dead')
  // Stopped for longer than the time between two lines, so that it can notice.
  await toldAfter(alive!, Date.parse(at) + 3 * HEARTBEAT_MS)
  service.child.kill('SIGCONT')
  const [refused, answered] = await Promise.all(calls)
  assert.notEqual(refused!.status, 200)
  assert.equal(answered!.status, 200)
  assert.equal((await cast.closed(incident)).receipt.points[0]?.outcome, 'applied')
  dead!.close()
  alive!.close()
})

test('an authority that is stopped stops guarded calls, and they go on when it does', async () => {
  const alive = await callerOf('waiting')
  const stream = await alive.stream(service)
  authority.child.kill('SIGSTOP')
  try {
    await until(
      () => alive.call(service),
      ({ code }) => code === 'liveness_stale',
    )
    await stream.ended
  } finally {
    // Stopped it would hear of no other signal either.
    authority.child.kill('SIGCONT')
  }
  await until(
    () => alive.call(service),
    ({ status }) => status === 200,
  )
  alive.close()
})

test('a reader that does not read delays nobody, and misses nothing once it does', async () => {
  const slow = await callerOf('slow-reader')
  const { socket, lines } = await followFeed(slow, authority)
  const names = Array.from({ length: 20 }, (_, at) => `read-late-${at}`)
  const callers = await Promise.all(names.map(callerOf))
  const idle = await Promise.all(callers.map(caller => caller.connect(service)))
  const ends = idle.map(each => gone(each))
  const killed = await Promise.all(names.map(name => cast.kill(name)))
  await Promise.all(ends)

  const last = Math.max(...killed.map(({ epoch }) => epoch))
  let epoch: number | null = null
  for await (const line of lines()) {
    if (line.kind === 'delta' && epoch !== null) assert.ok(line.prev <= epoch, `a gap from ${epoch} to ${line.prev}`)
    epoch = Math.max(epoch ?? 0, line.epoch)
    if (epoch >= last) break
  }
  socket.destroy()
  for (const caller of [slow, ...callers]) caller.close()
})
