import assert from 'node:assert/strict'
import process from 'node:process'
import { test } from 'node:test'
import { Identity } from '@lanyard/sdk'
import { Crowd } from '../support/crowd.ts'
import { DaemonProcess } from '../support/daemon-process.ts'
import { lanyardUp } from '../support/lanyard-up.ts'
import { ownProcesses } from '../support/workload-stage.ts'

const SECONDS = Number(process.env.SOAK_SECONDS ?? 300)
const SUBSCRIBERS = 200
const AGENTS = 2
const LIFE_SEC = 60

test(`${SUBSCRIBERS} subscribers of a daemon with ${LIFE_SEC}-second lives call each other for ${SECONDS} s of real time, without one lost call`, async () => {
  const up = await lanyardUp()
  await up.call('POST', '/v1/tenants', { tenant: 'acme', key_policy: 'modern' })
  const ids: string[] = []
  for (let at = 0; at < AGENTS; at++) {
    const agent = `agent-${at}`
    await up.call('POST', '/v1/agents', { tenant: 'acme', agent, tier: 'gold' })
    const entry = { tenant: 'acme', agent, x509_ttl_sec: LIFE_SEC, ...ownProcesses }
    ids.push((await up.call('POST', '/v1/entries', entry)).spiffe_id)
  }
  const daemon = await DaemonProcess.of(up)
  const socket = `unix://${daemon.socket}`
  const identities = await Promise.all(
    Array.from({ length: SUBSCRIBERS }, (_, at) =>
      Identity.fromWorkloadApi({ socket, id: ids[at % AGENTS]!, authority: null }),
    ),
  )
  const crowd = await Crowd.ring(identities)
  await crowd.callUntil(Date.now() + SECONDS * 1000, 500)
  assert.deepEqual(crowd.trouble, [])
  const least = Math.floor(SECONDS / (LIFE_SEC / 2) / 1.2)
  for (const [at, count] of crowd.renewals.entries()) assert.ok(count >= least, `${at} was renewed ${count} times`)
  console.log(`${crowd.calls} calls, ${crowd.renewals.reduce((sum, count) => sum + count)} renewals`)
  await crowd.close()
  await daemon.remove()
  await up.remove()
})
