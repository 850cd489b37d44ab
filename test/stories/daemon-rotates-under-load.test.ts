import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { FakeWorkloads, noLog, noMeter } from '@lanyard/daemon/testing'
import { Identity } from '@lanyard/sdk'
import { serveWorkloadApi } from '../../packages/daemon/src/workload-api/index.ts'
import { Crowd } from '../support/crowd.ts'

const SUBSCRIBERS = 200
const ROTATIONS = 3
const IDS = ['a', 'b', 'c', 'd'].map(name => `spiffe://example.org/tenant/acme/agent/${name}`)

const folder = mkdtempSync(join(tmpdir(), 'drl-'))
after(() => rmSync(folder, { recursive: true }))

test(`${SUBSCRIBERS} subscribers call each other while all certificates are renewed ${ROTATIONS} times, and lose no call`, async () => {
  const workloads = new FakeWorkloads()
  workloads.give('anyone', ...IDS.map(id => ({ id, ttlSec: 60 })))
  const time = {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after: (ms: number, then: () => void) => {
      const timer = setTimeout(then, ms)
      return () => clearTimeout(timer)
    },
  }
  const path = join(folder, 'api.sock')
  const api = await serveWorkloadApi({ path, workloads, log: noLog, meter: noMeter, time })
  const identities = await Promise.all(
    Array.from({ length: SUBSCRIBERS }, (_, at) =>
      Identity.fromWorkloadApi({ socket: `unix://${path}`, id: IDS[at % IDS.length]!, authority: null }),
    ),
  )
  const crowd = await Crowd.of(identities)
  for (let turn = 1; turn <= ROTATIONS; turn++) {
    const calls = crowd.callRound()
    workloads.rotate()
    await calls
    await crowd.callRound()
  }
  assert.deepEqual(crowd.trouble, [])
  assert.equal(crowd.calls, 2 * ROTATIONS * SUBSCRIBERS)
  const newest = new Map(
    workloads.give('anyone', ...IDS.map(id => ({ id }))).map(({ id, serial }) => [`${id}`, serial]),
  )
  await Promise.all(
    identities.map(async identity => {
      while (identity.svid.serial !== newest.get(`${identity.id}`))
        await new Promise(resolve => identity.once('renewed', resolve))
    }),
  )
  await crowd.close()
  await api.close()
})
