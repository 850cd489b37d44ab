import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { agentKey } from '../support/agent-key.ts'
import { PlainCaller, type Where } from '../support/caller.ts'
import { Cast, type ServiceProcess, until } from '../support/cast.ts'
import { gone } from '../support/gone.ts'
import { type LanyardUp, lanyardUp } from '../support/lanyard-up.ts'
import { type TwoInstances, twoInstances } from '../support/two-instances.ts'

// Short, so that a story is, and longer than a busy machine pauses: an age beyond which a service refuses by itself.
const LIVENESS = { budgetMs: 3000, graceMs: 1000, heartbeatMs: 100 }
const HEARTBEAT = ['--feed-heartbeat-ms', '100']

let stand: TwoInstances
let atA: Cast
let atB: Cast
/** Services, one at each instance. */
let onA: ServiceProcess
let onB: ServiceProcess

before(async () => {
  stand = await twoInstances({ redis: true, flags: HEARTBEAT })
  atA = await Cast.of(stand.a)
  atB = atA.at(stand.b)
  ;[onA, onB] = await Promise.all([
    atA.service('service-a', { liveness: LIVENESS }),
    atB.service('service-b', { liveness: LIVENESS }),
  ])
})
after(async () => {
  await Promise.all([onA?.end(), onB?.end()])
  await stand?.remove()
})

const callerOf = async (agent: string) => new PlainCaller(await atB.credential(agent), stand.b.rootPem)

const answered = (caller: PlainCaller, where: Where) =>
  until(
    () => caller.call(where),
    ({ status }) => status === 200,
  )

const refused = (caller: PlainCaller, where: Where, code: string) =>
  until(
    () => caller.call(where),
    outcome => outcome.code === code,
  )

/** An idle connection to each service; `ended` is kept when both have ended. */
async function openAt(caller: PlainCaller) {
  const sockets = await Promise.all([caller.connect(onA), caller.connect(onB)])
  const [onAEnded, endedOnB] = sockets.map(socket => gone(socket))
  return { ended: Promise.all([onAEnded, endedOnB]), endedOnB }
}

/** Kills, and asks again with the same name until the authority answers. */
const killUntilTold = (cast: Cast, agent: string) =>
  until(
    () => cast.kill(agent, { incident: `story-${agent}` }).catch(error => error as Error),
    told => !(told instanceof Error),
  )

test('a kill at one instance is heard at the services of the other', async () => {
  const caller = await callerOf('plainly')
  const open = await openAt(caller)
  const { incident } = await atB.kill('plainly')
  await open.ended
  const { receipt } = await atA.closed(incident)
  assert.deepEqual(
    receipt.points.map(({ outcome }) => outcome),
    ['applied', 'applied'],
  )
  caller.close()
})

test('Redis goes away in the middle, and comes back: every kill is told', async () => {
  const during = await callerOf('without-redis')
  const afterwards = await callerOf('with-redis-again')
  const [one, two] = [await openAt(during), await openAt(afterwards)]
  const asked = atB.kill('without-redis')
  await stand.redis!.stop()
  await asked
  await one.ended
  await stand.redis!.start()
  await atA.kill('with-redis-again')
  await two.ended
  during.close()
  afterwards.close()
})

for (const how of ['fast', 'crash'] as const)
  test(`PostgreSQL restarts in the middle (${how}): what was acknowledged is told`, async () => {
    const [dead, later, alive] = await Promise.all([`${how}-dead`, `${how}-later`, `${how}-alive`].map(callerOf))
    const [one, two] = [await openAt(dead!), await openAt(later!)]
    const { incident } = await atB.kill(`${how}-dead`)
    await stand.postgres.stop(how)
    const { status } = await stand.b.ask('POST', `/v1/agents/acme/${how}-later/kill`, { reason: 'nobody can write' })
    assert.equal(status, 503)
    await stand.postgres.start()
    await one.ended
    await killUntilTold(atA, `${how}-later`)
    await two.ended
    await Promise.all([answered(alive!, onA), answered(alive!, onB)])
    assert.equal((await atB.closed(incident)).receipt.incident, incident)
    for (const caller of [dead!, later!, alive!]) caller.close()
  })

test('an instance that is cut off from its database and goes on talking keeps nobody alive', async () => {
  const [dead, alive] = await Promise.all(['cut-off-dead', 'cut-off-alive'].map(callerOf))
  const token = await atB.token('cut-off-dead')
  assert.equal((await dead!.call(onA)).status, 200)
  const stream = await alive!.stream(onA)
  stand.wire.hold()
  const killed = await atB.kill('cut-off-dead')
  await refused(dead!, onB, 'peer_dead')
  await refused(alive!, onA, 'liveness_stale')
  assert.equal((await dead!.call(onA)).status === 200, false)
  await stream.ended
  // Its own doors ask the database, which does not answer: that is no yes.
  assert.equal(await takes(stand.a, token), false)
  stand.wire.heal()
  await answered(alive!, onA)
  assert.equal((await dead!.call(onA)).status === 200, false)
  assert.equal(await takes(stand.a, token), false)
  assert.equal((await atA.closed(killed.incident)).receipt.incident, killed.incident)
  dead!.close()
  alive!.close()
})

test('an instance that is stopped in the middle of its work holds up no kill', async () => {
  const dead = await callerOf('beside-the-stopped')
  const open = await openAt(dead)
  const work = flood(stand.a)
  stand.a.child.kill('SIGSTOP')
  try {
    await atB.kill('beside-the-stopped')
    await open.endedOnB
  } finally {
    stand.a.child.kill('SIGCONT')
    work.stop()
  }
  await Promise.all([open.ended, work.stopped])
  dead.close()
})

test('a kill while an instance starts: it knows of it from its first answer on', async () => {
  const token = await atB.token('while-starting')
  const starting = lanyardUp(stand.options)
  await atB.kill('while-starting')
  const c = await starting
  try {
    assert.equal(await takes(c, token), false)
    const atC = atB.at(c)
    const onC = await atC.service('service-c')
    const caller = new PlainCaller(await atC.credential('also-at-c'), c.rootPem)
    assert.equal((await caller.call(onC)).status, 200)
    const socket = await caller.connect(onC)
    const closed = gone(socket)
    await atB.kill('also-at-c')
    await closed
    caller.close()
    await onC.end()
  } finally {
    await c.remove()
  }
})

/** Whether an instance takes this token for a certificate. */
async function takes(up: LanyardUp, token: string): Promise<boolean> {
  const { csrPem } = await agentKey('P-256')
  const asked = up.ask('POST', '/v1/agent/auth/cert', { csr: csrPem }, token)
  return (await asked).status < 300
}

/** Keeps an instance busy recording, until it is told to stop. */
function flood(up: LanyardUp): { readonly stopped: Promise<unknown>; stop(): void } {
  let going = true
  const one = async () => {
    while (going) await up.ask('POST', '/v1/agent/bootstrap', { tenant: 'acme', agent: 'service-a' }).catch(() => {})
  }
  return {
    stopped: Promise.all(Array.from({ length: 8 }, one)),
    stop() {
      going = false
    },
  }
}
