import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bundleSource, verifyJwtSvid, verifyX509Svid } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import type { WorkloadState } from '../ports.ts'
import { FakeProcess, FakeWorkloads } from './index.ts'

test('gives real certificates, rotates and withdraws them, and ends with the process', async () => {
  const workloads = new FakeWorkloads()
  const process = new FakeProcess(7)
  const [svid] = workloads.give(7, { tenant: 'acme', agent: 'invoice-bot', hint: 'a' })
  const states: WorkloadState[] = []
  let ended = 0
  workloads.follow(
    process,
    state => states.push(state),
    () => ended++,
  )
  await Promise.resolve()
  const [first] = states
  assert.ok(first?.kind === 'identities')
  const at = Math.floor(Date.now() / 1000)
  const proved = verifyX509Svid(
    { chain: svid!.chain, bundles: bundleSource(first.bundles.own), at, purpose: 'clientAuth' },
    nodeCrypto,
  )
  assert.equal(proved.id.toString(), 'spiffe://example.org/tenant/acme/agent/invoice-bot')

  workloads.rotate()
  const second = states[1]
  assert.ok(second?.kind === 'identities')
  assert.notEqual(second.svids[0]!.serial, svid!.serial)
  const [token] = await workloads.jwtSvids(process, ['x'], null)
  const jwt = verifyJwtSvid(
    { token: token!.token, audience: 'x', bundles: bundleSource(first.bundles.own), at },
    nodeCrypto,
  )
  assert.equal(jwt.id.toString(), proved.id.toString())

  workloads.withdraw(7, 'agent_quarantined', 'killed')
  assert.equal(states[2]?.kind, 'refused')
  await assert.rejects(workloads.jwtSvids(process, ['x'], null), { code: 'agent_quarantined' })
  process.end()
  workloads.repeat()
  assert.deepEqual([states.length, ended, workloads.followers], [3, 1, 0])
})
