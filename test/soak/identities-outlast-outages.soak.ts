import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { type Identity, WorkloadApiClient } from '@lanyard/sdk'
import { Cast, until } from '../support/cast.ts'
import { DaemonProcess } from '../support/daemon-process.ts'
import { codeOf, endOf, type Knock, type Knocker, knock, startKnocker } from '../support/knocking.ts'
import { type LanyardUp, lanyardUp } from '../support/lanyard-up.ts'
import { ownProcesses } from '../support/workload-stage.ts'

// Real processes, each stopped for longer than the shortest life: nothing that has ended is given or used, and all goes on by
// itself afterwards.

const LIFE_SEC = 60
/** For so long after the end of a life it is looked at what happens. */
const BEYOND_MS = 12_000
const EVERY_MS = 250
/** Both tries and asks are given up and begun anew: so long may pass until all is well. */
const HEALED_MS = 45_000

/** One new caller at the Workload API: what it was given. */
interface Asked {
  readonly begun: number
  readonly done: number
  readonly code: string | null
  readonly serial: string | null
  readonly ends: number | null
}

let up: LanyardUp
let daemon: DaemonProcess
let observer: Identity
let door: Server
let knocker: Knocker
const asked: Asked[] = []
/** Handshakes that the observer makes with the workload. */
const knocks: Knock[] = []
/** What the workload proved itself with to the observer, whom nothing keeps from looking at what has ended. */
const proved: { readonly at: number; readonly ends: number }[] = []
let stopping = false
let loops: Promise<unknown>

before(async () => {
  up = await lanyardUp()
  const cast = await Cast.of(up)
  observer = await cast.identity('observer', { liveness: false })
  door = createServer({ ...observer.serverOptions(), rejectUnauthorized: false }, (socket: TLSSocket) => {
    proved.push({ at: Date.now(), ends: endOf(socket) })
    socket.on('error', () => {}).end()
  })
  await new Promise<void>(resolve => door.listen(0, '127.0.0.1', resolve))
  await up.call('POST', '/v1/agents', { tenant: 'acme', agent: 'workload', tier: 'gold' })
  await up.call('POST', '/v1/entries', { tenant: 'acme', agent: 'workload', x509_ttl_sec: LIFE_SEC, ...ownProcesses })
  daemon = await DaemonProcess.of(up)
  const { port } = door.address() as { port: number }
  knocker = await startKnocker({
    socket: `unix://${daemon.socket}`,
    everyMs: EVERY_MS,
    door: { id: observer.id.toString(), host: '127.0.0.1', port },
  })
  const forever = async (step: () => Promise<unknown>) => {
    while (!stopping) {
      await step()
      await pause(EVERY_MS)
    }
  }
  loops = Promise.all([
    forever(async () => asked.push(await ask())),
    forever(async () => knocks.push(await knock(observer, knocker.door))),
  ])
})

after(async () => {
  stopping = true
  up.child.kill('SIGCONT')
  await loops
  await knocker.end()
  door.close()
  await observer.close()
  await daemon.remove()
  await up.remove()
})

async function ask(): Promise<Asked> {
  const begun = Date.now()
  const client = new WorkloadApiClient({ socket: `unix://${daemon.socket}` })
  try {
    const { svid } = (await client.fetchX509Context()).svids[0]!
    return { begun, done: Date.now(), code: null, serial: svid.serial, ends: (svid.notAfter + 1) * 1_000 }
  } catch (error) {
    return { begun, done: Date.now(), code: codeOf(error), serial: null, ends: null }
  } finally {
    await client.close()
  }
}

/** Nothing that has ended was given to anybody, or proved anything. */
function nothingStale(): void {
  assert.deepEqual(
    asked.filter(({ done, ends }) => ends !== null && ends <= done),
    [],
    'given after its end',
  )
  assert.deepEqual(
    proved.filter(({ at, ends }) => ends <= at),
    [],
    'used after its end',
  )
  // The SDK takes a peer for ten seconds longer, for clocks that differ.
  const late = [...knocks, ...knocker.knocks].filter(
    ({ begun, peerEnds }) => peerEnds !== null && peerEnds + 10_000 <= begun,
  )
  assert.deepEqual(late, [], 'believed after its end')
}

/** Waits until asks and handshakes both ways have succeeded that began after `since`; gives how long each took. */
async function healed(since: number): Promise<Record<string, number>> {
  const found = await until(
    async () => {
      const fine = ({ begun, code }: { begun: number; code: string | null }) => begun >= since && code === null
      const first = [asked.find(fine), knocker.knocks.find(fine), knocks.find(fine)]
      assert.ok(Date.now() < since + HEALED_MS, `not all healed: ${JSON.stringify(first)}`)
      return first
    },
    first => first.every(each => each !== undefined),
  )
  const [given, called, served] = found.map(each => each!.done - since)
  return { given: given!, called: called!, served: served! }
}

/** Codes with how often each was met; `ok` for none. */
function tally(events: readonly { readonly code: string | null }[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { code } of events) counts[code ?? 'ok'] = (counts[code ?? 'ok'] ?? 0) + 1
  return counts
}

const report = (what: string, figures: object) => console.log(`${what}: ${JSON.stringify(figures)}`)

test('the authority stands still for longer than a life, and the daemon is killed and started again meanwhile', async () => {
  await healed(Date.now())
  up.child.kill('SIGSTOP')
  const stopped = Date.now()
  await pause(10_000)
  await daemon.end('SIGKILL')
  await daemon.start()
  const started = Date.now()
  await healed(started)
  const kept = asked.at(-1)!
  const end = kept.ends!
  await pause(end + BEYOND_MS - Date.now())

  const inLife = ({ begun, done }: Asked | Knock) => begun > started && done < end
  const beyond = ({ begun }: Asked | Knock) => begun >= end
  assert.deepEqual(Object.keys(tally(asked.filter(inLife))), ['ok'])
  assert.deepEqual(new Set(asked.filter(inLife).map(({ serial }) => serial)), new Set([kept.serial]))
  const calls = knocker.knocks.filter(({ begun, done }) => begun > stopped && done < end)
  assert.deepEqual(
    Object.keys(tally(calls)),
    ['ok'],
    'a restart of the daemon is not felt by those who hold an identity',
  )
  assert.ok(!('ok' in tally(asked.filter(beyond))))
  assert.ok(!('ok' in tally(knocker.knocks.filter(beyond))))
  report('authority stopped, until the end', {
    ...{ life_left_ms: end - stopped, daemon_back_ms: started - stopped - 10_000 },
    ...{ asks: tally(asked.filter(inLife)), calls: tally(calls) },
  })
  report('authority stopped, after the end', {
    asks: tally(asked.filter(beyond)),
    calls: tally(knocker.knocks.filter(beyond)),
    served: tally(knocks.filter(beyond)),
  })
  const goesOn = Date.now()
  up.child.kill('SIGCONT')
  report('authority goes on, healed after ms', await healed(goesOn))
  nothingStale()
})

test('the daemon and a workload stand still for longer than a life', async () => {
  await healed(Date.now())
  const { ends } = asked.findLast(({ code }) => code === null)!
  knocker.child.kill('SIGSTOP')
  daemon.child.kill('SIGSTOP')
  const stopped = Date.now()
  await pause(LIFE_SEC * 1_000 + BEYOND_MS)
  assert.ok(Date.now() > ends!)
  const first = Date.now()
  knocker.child.kill('SIGCONT')
  // The workload has nobody to ask yet: it must wait rather than use what it has.
  await pause(3_000)
  const goesOn = Date.now()
  daemon.child.kill('SIGCONT')
  report('daemon goes on, healed after ms', await healed(goesOn))
  const woken = ({ done }: Asked | Knock) => done >= first
  report('since the workload went on', {
    stopped_ms: first - stopped,
    asks: tally(asked.filter(woken)),
    calls: tally(knocker.knocks.filter(woken)),
    served: tally(knocks.filter(woken)),
  })
  nothingStale()
})
