import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { serverConfig } from './config.ts'
import { type RunningServer, startServer } from './main.ts'
import { send } from './testing/client.ts'
import { startPostgres } from './testing/postgres.ts'
import { beginAgain, type Called, DEATHS, done, refusedEverywhere, refusedWith, victimOf } from './testing/the-dead.ts'

// Two instances on one database: whoever dies at one is dead at the other from the answer on, told or not.

interface Instance extends Called {
  readonly running: RunningServer
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const folder = mkdtempSync(join(tmpdir(), 'lanyard-elsewhere-'))
let here: Instance
let there: Instance

async function start(name: string, store: string, adminOf?: Instance): Promise<Instance> {
  const data = join(folder, name)
  const config = serverConfig({ data, store, listen: '127.0.0.1:0', limits: { rate_per_minute: 0 } })
  const running = await startServer(config, { env: { LANYARD_PASSPHRASE: 'of two' }, log: quiet })
  const root = readFileSync(running.rootFile, 'utf8')
  const port = Number(new URL(running.url).port)
  const admin = adminOf?.admin ?? readFileSync(running.adminKeyFile!, 'utf8').trim()
  return { running, admin, call: (line, options) => send(port, root, line, options) }
}

before(async () => {
  const url = await (await startPostgres()).createDatabase()
  here = await start('here', url)
  there = await start('there', url, here)
})
after(async () => {
  await Promise.all([here?.running.close(), there?.running.close()])
  rmSync(folder, { recursive: true, force: true })
})

describe('nothing answers the dead at another instance', () => {
  for (const [index, { name, call, revival, takesMinter }] of DEATHS.entries()) {
    test(name, async () => {
      const dead = await victimOf(here, `t${index}`)
      await done(here, call(dead))
      await refusedEverywhere(there, dead, 'dead')
      if (takesMinter) await refusedWith(there, 'unauthenticated', { token: dead.minter.key })
      if (!revival) return
      await done(there, revival(dead))
      await refusedEverywhere(here, dead, 'reinstated')
      const { status } = await here.call('GET /v1/whoami', { tls: await beginAgain(there, dead) })
      assert.equal(status, 200)
    })
  }

  test('eviction of the instance that signed', async () => {
    const { held } = await victimOf(here, 'evicted')
    await done(there, [`POST /v1/instances/${here.running.instance}/evict`, { reason: 'test' }])
    await refusedWith(there, 'certificate_revoked', { tls: held })
    const kept = await victimOf(there, 'kept')
    assert.equal((await there.call('GET /v1/whoami', { tls: kept.held })).status, 200)
  })
})
