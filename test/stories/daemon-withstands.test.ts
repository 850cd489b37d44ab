import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, describe, test } from 'node:test'
import { type IdentityError, WorkloadApiClient, type X509Context } from '@lanyard/sdk'
import { Cast } from '../support/cast.ts'
import { DaemonProcess } from '../support/daemon-process.ts'
import { type LanyardUp, lanyardUp } from '../support/lanyard-up.ts'
import { ownProcesses } from '../support/workload-stage.ts'

type Heard = X509Context | IdentityError
const isGiven = (heard: Heard): heard is X509Context => !(heard instanceof Error)
const idsOf = (heard: Heard): string[] => (isGiven(heard) ? heard.svids.map(({ svid }) => `${svid.id}`) : [])
const serialOf = (heard: X509Context): string => heard.svids[0]!.svid.serial
/** A tmpfs of some pages in the place of a folder. */
const smallDisk = (folder: string) => [
  ...['unshare', '--mount', 'sh', '-c'],
  ...[`mount -t tmpfs -o size=16k,mode=0700 tmpfs ${folder} && exec "$@"`, 'sh'],
]

// Real processes: `lanyard up` as the authority, `lanyard daemon` beside the workload, which is this test.
describe('a daemon', { skip: process.platform !== 'linux' && 'it runs on Linux' }, () => {
  let up: LanyardUp
  let cast: Cast
  let daemon: DaemonProcess
  before(async () => {
    up = await lanyardUp({ flags: ['--limits-rate-per-minute', '0'] })
    cast = await Cast.of(up)
    await register('client')
    daemon = await DaemonProcess.of(up)
  })
  after(async () => {
    await daemon?.remove()
    await up?.remove()
  })

  async function register(agent: string, settings: object = {}) {
    await up.ask('POST', '/v1/agents', { tenant: 'acme', agent, tier: 'gold' })
    return await up.call('POST', '/v1/entries', { tenant: 'acme', agent, ...ownProcesses, ...settings })
  }

  /** What a workload is given, by a connection of its own; it asks again while there is nothing to be had yet. */
  async function given(socket = daemon.socket): Promise<X509Context> {
    const client = new WorkloadApiClient({ socket: `unix://${socket}` })
    try {
      for (;;) {
        const got = await client.fetchX509Context().catch((error: IdentityError) => error)
        if (isGiven(got)) return got
        if (got.code !== 'workload_api_unavailable') throw got
      }
    } finally {
      client.close()
    }
  }

  /** Follows the socket; `until` waits for a state that fits. */
  function follow(context: { after(then: () => void): void }) {
    const client = new WorkloadApiClient({ socket: `unix://${daemon.socket}` })
    context.after(() => client.close())
    let last: Heard | null = null
    let wake = () => {}
    const hear = (heard: Heard) => {
      last = heard
      wake()
    }
    client.watchX509Context({ onState: hear, onFailed: hear })
    return async (fits: (heard: Heard) => boolean): Promise<Heard> => {
      while (last === null || !fits(last)) await new Promise<void>(resolve => (wake = resolve))
      return last
    }
  }

  test('that is killed goes on with the very certificate, without its authority', async () => {
    const first = await given()
    up.child.kill('SIGSTOP')
    try {
      await daemon.end('SIGKILL')
      await daemon.start()
      assert.equal(serialOf(await given()), serialOf(first))
    } finally {
      up.child.kill('SIGCONT')
    }
    const second = await register('second')
    const until = follow({ after: then => after(then) })
    await until(heard => idsOf(heard).includes(second.spiffe_id))
    await up.call('DELETE', `/v1/entries/${second.id}`)
    await until(heard => isGiven(heard) && !idsOf(heard).includes(second.spiffe_id))
  })

  test('that slept through a kill withdraws the identity when it wakes', async context => {
    const until = follow(context)
    await until(isGiven)
    daemon.child.kill('SIGSTOP')
    try {
      await cast.kill('client')
    } finally {
      daemon.child.kill('SIGCONT')
    }
    assert.equal(isGiven(await until(heard => !isGiven(heard))), false)
    await assert.rejects(given(), { code: /./ })
    await cast.reinstate('client')
    const again = await until(isGiven)
    assert.equal(idsOf(again).length, 1)
  })

  test('lives on after a thousand connections that say nothing, or nonsense', async () => {
    const sockets = Array.from({ length: 1000 }, (_, at) => {
      const socket = connect(daemon.socket)
      socket.on('error', () => {})
      if (at % 2 === 0) socket.write(Buffer.alloc(512, at))
      return socket
    })
    await Promise.all(
      sockets.map(socket => new Promise(resolve => socket.once('connect', resolve).once('close', resolve))),
    )
    for (const socket of sockets) socket.destroy()
    assert.equal((await given()).svids.length, 1)
  })

  test('has 10,000 entries, and a further one is served at once', async context => {
    const until = follow(context)
    await until(isGiven)
    for (let batch = 0; batch < 100; batch++) {
      const entries = Array.from({ length: 100 }, (_, at) => ({
        ...{ tenant: 'acme', agent: 'client', selectors: [`unix:path:/none/${batch}-${at}`] },
      }))
      await up.call('POST', '/v1/entries/batch', { entries })
    }
    const added = await register('one-more')
    await until(heard => idsOf(heard).includes(added.spiffe_id))
    await daemon.end('SIGKILL')
    await daemon.start()
    assert.equal((await given()).svids.length, 2)
  })

  test('gives identities also where the disk is full', {
    skip: process.getuid!() !== 0 && 'it mounts',
  }, async context => {
    const full = await DaemonProcess.of(up, 'small')
    context.after(() => full.remove())
    await full.end()
    const data = join(full.folder, 'data')
    mkdirSync(data, { recursive: true, mode: 0o700 })
    const { token } = await up.call('POST', '/v1/nodes/join-tokens', { name: 'smaller' })
    full.setToken(token)
    await full.start(smallDisk(data))
    assert.ok((await given(full.socket)).svids.length > 0)
  })
})
