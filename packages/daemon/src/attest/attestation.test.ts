import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LanyardError, type NodeEntry } from '@lanyard/api'
import { processOfPid } from '../peer/index.ts'
import { start } from '../peer/testing/peers.ts'
import type { Attestor, Launches, Log, Meter } from '../ports.ts'
import { noLog, noMeter } from '../testing/index.ts'
import { FakeProcess } from '../testing/process.ts'
import { attestationOf } from './index.ts'

const time = { now: Date.now, monotonic: () => performance.now(), after: () => () => {} }
const nobody: Launches = { entryOf: () => null }

test('a process is examined by all attestors, and launched is who was launched', async () => {
  using child = start('sleep', ['60'])
  const held = processOfPid(child.pid)
  const results: unknown[] = []
  const meter: Meter = { ...noMeter, time: (name, _, labels) => results.push([name, labels]) }
  const launches: Launches = { entryOf: process => (process === held ? 'entry' : null) }
  const attestation = attestationOf({ launches, time, log: noLog, meter })
  const workload = await attestation.examine(held)
  assert.equal(workload.process, held)
  assert.equal(workload.launchedFor, 'entry')
  assert.deepEqual(workload.mainOf, [])
  assert.ok(workload.selectors.has(`unix:uid:${process.getuid!()}`))
  assert.deepEqual(results.at(-1), ['attest', { result: 'ok' }])
  const entry = { id: 'entry', selectors: [...workload.selectors], expires_at: null, children: false, created_at: '' }
  assert.ok(attestation.match(workload, [entry as unknown as NodeEntry])[0]?.given)
  held.release()
})

test('attestors that are left out find nothing', async () => {
  using child = start('sleep', ['60'])
  const held = processOfPid(child.pid)
  const attestors = { unix: false, systemd: false, docker: false } as const
  const attestation = attestationOf({ attestors, launches: nobody, time, log: noLog, meter: noMeter })
  assert.deepEqual([...(await attestation.examine(held)).selectors], [])
  held.release()
})

test('who ends while he is looked at is gone', async () => {
  const ends = new FakeProcess(process.pid, { uid: process.getuid!(), gid: process.getgid!() })
  const launches: Launches = {
    entryOf: () => {
      ends.end()
      return 'entry'
    },
  }
  const attestation = attestationOf({ launches, time, log: noLog, meter: noMeter })
  await assert.rejects(attestation.examine(ends), { code: 'workload_gone' })
  await assert.rejects(attestation.examine(ends), { code: 'workload_gone' })
})

test('when an attestor cannot answer there is no workload with fewer selectors', async () => {
  const warned: object[] = []
  const log: Log = { ...noLog, warn: fields => warned.push(fields) }
  const works: Attestor = { name: 'works', examine: async () => ({ selectors: ['works:a:b'], mainOf: null }) }
  for (const error of [new Error('of its own'), new LanyardError('attestation_failed', 'no answer'), 'text']) {
    const fails: Attestor = { name: 'fails', examine: () => Promise.reject(error) }
    const attestation = attestationOf({ launches: nobody, time, log, meter: noMeter }, [works, fails])
    await assert.rejects(attestation.examine(new FakeProcess()), { code: 'attestation_failed' })
  }
  assert.equal(warned.length, 3)
})

test('an attestor that fails because the process has ended is no failure of it', async () => {
  const ends = new FakeProcess()
  const fails: Attestor = {
    name: 'fails',
    async examine() {
      ends.end()
      throw new Error('no such file')
    },
  }
  const log: Log = { ...noLog, warn: () => assert.fail('nothing to warn of') }
  const attestation = attestationOf({ launches: nobody, time, log, meter: noMeter }, [fails])
  await assert.rejects(attestation.examine(ends), { code: 'workload_gone' })
})
