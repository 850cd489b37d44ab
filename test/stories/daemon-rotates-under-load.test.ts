import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { daemonConfig } from '@lanyard/daemon/config'
import { noMeter } from '@lanyard/daemon/testing'
import { Identity } from '@lanyard/sdk'
import { serverConfig, startServer } from '@lanyard/server'
import { Agent, fetch } from 'undici'
import { type Assembly, assemble } from '../../packages/daemon/src/assembly.ts'
import { attestationOf } from '../../packages/daemon/src/attest/index.ts'
import { PrivateFolder } from '../../packages/daemon/src/disk/private-folder.ts'
import { serveWorkloadApi } from '../../packages/daemon/src/workload-api/index.ts'
import { CommonTime } from '../support/common-time.ts'
import { Crowd } from '../support/crowd.ts'
import { ownProcesses } from '../support/workload-stage.ts'

// A real authority, the real daemon and the real SDK in this process, all by one clock that the test lets pass: so five minutes
// take seconds, and it does not matter how fast the machine is. What each of them judges it judges by that clock: the authority
// what it issues, the daemon when it renews and what it still gives, the SDK whom it believes in a handshake and at each request.
// OpenSSL proves in each handshake that both sides hold their keys; its own look at the dates goes by the clock of the machine,
// which no process can set, and is not asked for where the SDK has been given another clock. That the two agree is seen in real
// time: in `npm run soak`, the same for five minutes by the clock of the machine, and in packages/sdk/src/mtls/rotation.test.ts.

const SUBSCRIBERS = 200
const LIFE_SEC = 60
const SECONDS = 300
/** Between two rounds of calls. */
const ROUND_SEC = 10
/** An authority names half the life, give or take a tenth, and what lies in between is not spread any further here. */
const LATEST_RENEWAL_SEC = 33
/** The daemon hears the time of the authority once a second. */
const LAG_SEC = 1
/** So much of a life is left to whoever has what was due. */
const LEAST_LEFT_SEC = LIFE_SEC - LATEST_RENEWAL_SEC - LAG_SEC
/** How often the authority looks for news. */
const POLL_MS = 500
/** The daemon makes another connection when it has heard nothing of deaths for ten seconds. */
const RECENT_MS = 5_000

const folder = mkdtempSync(join(tmpdir(), 'dru-'))
const time = new CommonTime()
/** What the daemon complains of. */
const complaints: string[] = []

interface Installation {
  readonly node: Assembly['node']
  /** Registers another agent, by whose entry every process of this user is given its identity; gives its SPIFFE ID. */
  register(agent: string): Promise<string>
  subscribe(id: string): Promise<Identity>
}

/** Begins an authority and a daemon; `ends` ends them. */
async function install(ends: AsyncDisposableStack): Promise<Installation> {
  ends.defer(() => rmSync(folder, { recursive: true, force: true }))
  const config = serverConfig({
    ...{ data: join(folder, 'authority'), listen: '127.0.0.1:0', log: { level: 'silent' } },
    // It paces the feed by the clock of the machine, which makes no pause here.
    feed: { poll_ms: POLL_MS, heartbeat_ms: 100 },
  })
  const server = await startServer(config, { env: {}, clock: time, timers: time })
  ends.defer(() => server.close())
  const dispatcher = new Agent({ allowH2: false, connect: { ca: readFileSync(server.rootFile, 'utf8') } })
  ends.defer(() => dispatcher.destroy())
  const authorization = `Bearer ${readFileSync(server.adminKeyFile!, 'utf8').trim()}`
  const post = async (path: string, body: object) => {
    const headers = { authorization, 'content-type': 'application/json' }
    const init = { method: 'POST', headers, dispatcher, body: JSON.stringify(body) }
    const reply = await fetch(`${server.url}${path}`, init)
    const text = await reply.text()
    assert.ok(reply.ok, text)
    return JSON.parse(text)
  }
  await post('/v1/tenants', { tenant: 'acme', key_policy: 'modern' })
  const settings = daemonConfig(
    {
      ...{ authority: server.url, root_sha256: server.rootSha256, data: 'node' },
      ...{ socket: `unix://${folder}/s/api.sock`, admin_socket: 's/admin.sock' },
    },
    folder,
  )
  const { token } = await post('/v1/nodes/join-tokens', { name: 'machine' })
  const complain = (fields: object, message: string) => void complaints.push(`${message} ${JSON.stringify(fields)}`)
  const ports = {
    ...{ time, meter: noMeter },
    log: { debug: () => {}, info: () => {}, warn: complain, error: complain },
  }
  // What a process is anybody sees at once here: real attestors take as long as the machine does, and give up by its clock.
  const unix = {
    name: 'unix',
    examine: async ({ uid }: { uid: number }) => ({ selectors: [`unix:uid:${uid}`], mainOf: null }),
  }
  const assembly = assemble({
    ...{ ...ports, config: settings, random: () => 0, joinToken: token, folder: PrivateFolder.open(settings.data) },
    attestation: attestationOf({ ...ports, launches: { entryOf: () => null } }, [unix]),
  })
  ends.defer(() => assembly.stop())
  await assembly.start()
  const { workloads, node } = assembly
  const api = await serveWorkloadApi({ ...ports, path: settings.socket, workloads, deaths: node.feed.follower })
  ends.defer(() => api.close())
  return {
    node,
    async register(agent) {
      await post('/v1/agents', { tenant: 'acme', agent, tier: 'gold' })
      const wanted = { tenant: 'acme', agent, x509_ttl_sec: LIFE_SEC, ...ownProcesses }
      const { id, spiffe_id } = await post('/v1/entries', wanted)
      // Who comes before the daemon has heard of it is told to come again later, and later does not come by itself.
      await until(async () => node.catalogue.entries.has(id))
      return spiffe_id
    },
    subscribe: id => Identity.fromWorkloadApi({ socket: `unix://${api.path}`, id, authority: null, time }),
  }
}

/** Looks at each turn of the event loop. Time stands still meanwhile: what is waited for is under way. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(resolve => setImmediate(resolve))
}

const secondsLeft = ({ svid }: Identity) => svid.notAfter + 1 - time.now() / 1000

test(`${SUBSCRIBERS} subscribers of a daemon with ${LIFE_SEC}-second lives call each other for ${SECONDS} s of the test clock, without one lost call`, async () => {
  await using ends = new AsyncDisposableStack()
  const { node, register, subscribe } = await install(ends)
  const identities: Identity[] = []
  let crowd: Crowd | null = null
  const subscribers = async (agent: string) => {
    const id = await register(agent)
    const made = await Promise.all(Array.from({ length: SUBSCRIBERS / 2 }, () => subscribe(id)))
    identities.push(...made)
    return made
  }
  const allIsWell = () => {
    assert.deepEqual(complaints, [])
    assert.deepEqual(crowd?.trouble ?? [], [])
  }
  const hearsNews = () => time.now() - Math.min(node.heardAt!, node.feed.follower.asOf!) < RECENT_MS
  const isRenewed = () => identities.every(each => secondsLeft(each) >= LEAST_LEFT_SEC)
  /** A second passes; then time stands still until everybody has what was due in it. */
  const second = async () => {
    await time.pass(1000)
    await until(async () => {
      allIsWell()
      if (!hearsNews()) await time.turn(POLL_MS)
      return hearsNews() && isRenewed()
    })
  }
  const seconds = async (count: number) => {
    for (let at = 0; at < count; at++) await second()
  }

  const hosts = await subscribers('host')
  // Renewals of the two agents are far apart from now on: while those of one are made, connections of before go on.
  await seconds(LIFE_SEC / 4)
  const callers = await subscribers('caller')
  crowd = await Crowd.pairs(callers, hosts, () => time.now())
  ends.defer(() => crowd!.close())
  for (let passed = 0; passed < SECONDS; passed += ROUND_SEC) {
    const calls = crowd.callRound()
    await seconds(ROUND_SEC)
    await calls
  }
  allIsWell()
  assert.equal(crowd.calls, (SECONDS / ROUND_SEC) * callers.length)
  const least = Math.floor(SECONDS / (LATEST_RENEWAL_SEC + LAG_SEC))
  for (const [at, count] of crowd.renewals.entries()) assert.ok(count >= least, `${at} was renewed ${count} times`)
  // The first ones at least: their callers renew half a turn after their hosts.
  const outlived = crowd.connections.filter(({ hostEnds, lastCallAt }) => lastCallAt > hostEnds - LEAST_LEFT_SEC * 1000)
  assert.ok(outlived.length >= callers.length, `${outlived.length} connections went on when their host was renewed`)
})
