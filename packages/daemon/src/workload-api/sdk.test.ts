import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { Identity, JwtSource, memberOf, WorkloadApiClient, X509Source } from '@lanyard/sdk'
import { FakeProcess, FakeWorkloads, noLog, noMeter } from '../testing/index.ts'
import { serveWorkloadApi } from './serve.ts'

// Both halves are ours here; what others' clients make of the server is in test/interop.

const ALICE = 'spiffe://example.org/tenant/acme/agent/alice'
const BOB = 'spiffe://example.org/tenant/acme/agent/bob'

describe('the SDK at the Workload API of the daemon', () => {
  it('is a peer with no secret, and hears at once of each rotation', async t => {
    const workloads = new FakeWorkloads()
    const alice = await identityAt(t, (await served(t, ALICE, workloads, 1)).socket)
    const bob = await identityAt(t, (await served(t, BOB, workloads, 2)).socket)
    const serving = await bob.serve({ allow: memberOf('example.org') }, (_request, response) => response.end('yes'))
    t.after(() => serving.close())
    const call = async () => (await alice.fetch(serving.url, { peer: memberOf('example.org') })).text()
    assert.equal(await call(), 'yes')
    const before = alice.svid.serial
    const renewed = once(alice, 'renewed')
    workloads.rotate()
    await renewed
    assert.notEqual(alice.svid.serial, before)
    assert.equal(await call(), 'yes')
  })

  it('gives up what is taken back, with the reason that the daemon says', async t => {
    const { workloads, socket } = await served(t, ALICE)
    const alice = await identityAt(t, socket)
    const withdrawn = once(alice, 'withdrawn')
    workloads.withdraw(1, 'agent_quarantined', 'killed')
    assert.equal((await withdrawn)[0].code, 'agent_quarantined')
    await assert.rejects(alice.fetch('https://bob.example', { peer: memberOf('example.org') }), {
      code: 'identity_withdrawn',
    })
    workloads.give(1, { id: ALICE })
    const renewed = once(alice, 'renewed')
    await alice.renew()
    await renewed
  })

  it('goes on while an identity cannot be had', async t => {
    const { workloads, socket } = await served(t, ALICE)
    const alice = await identityAt(t, socket)
    const failing = once(alice, 'failing')
    workloads.makeUnavailable(1)
    assert.equal((await failing)[0].error.code, 'workload_api_unavailable')
    assert.notEqual(alice.guard.standing, 'dead')
  })

  it('fetches and validates JWT-SVIDs, and has them validated', async t => {
    const { socket } = await served(t, ALICE)
    const source = await JwtSource.open({ socket })
    t.after(() => source.close())
    const { token, id } = await source.fetchJwtSvid({ audience: 'payments' })
    assert.equal(`${id}`, ALICE)
    assert.equal(`${source.validate(token, 'payments').id}`, ALICE)
    const client = new WorkloadApiClient({ socket })
    t.after(() => client.close())
    const { claims } = await client.validateJwtSvid(token, 'payments')
    assert.equal(claims.sub, ALICE)
    await assert.rejects(client.validateJwtSvid(token, 'billing'), { code: 'workload_api_refused' })
  })

  it('fetches WIT-SVIDs and all bundles', async t => {
    const { workloads, socket } = await served(t, ALICE)
    workloads.federate('globex.example')
    const client = new WorkloadApiClient({ socket })
    t.after(() => client.close())
    const [wit] = await client.fetchWitSvids()
    assert.equal(`${wit?.id}`, ALICE)
    assert.equal(typeof JSON.parse(wit!.keyJwk).d, 'string')
    for (const bundles of [
      await client.fetchX509Bundles(),
      await client.fetchJwtBundles(),
      await client.fetchWitBundles(),
    ])
      assert.deepEqual(Array.from(bundles, each => each.trustDomain.name).toSorted(), ['example.org', 'globex.example'])
  })

  it('gives X.509-SVIDs to TLS of others', async t => {
    const { socket } = await served(t, ALICE)
    const source = await X509Source.open({ socket })
    t.after(() => source.close())
    assert.equal(`${source.svid.id}`, ALICE)
  })
})

async function served(t: TestContext, id: string, workloads = new FakeWorkloads(), pid = 1) {
  const folder = await mkdtemp(join(tmpdir(), 'lyd-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  workloads.give(pid, { id })
  const path = join(folder, 'w.sock')
  const time = {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after(ms: number, then: () => void) {
      const timer = setTimeout(then, ms)
      return () => clearTimeout(timer)
    },
  }
  const server = await serveWorkloadApi({
    ...{ path, workloads, log: noLog, meter: noMeter, time },
    processOf: () => new FakeProcess(pid),
  })
  t.after(() => server.close())
  return { workloads, socket: `unix://${path}` }
}

async function identityAt(t: TestContext, socket: string): Promise<Identity> {
  const identity = await Identity.fromWorkloadApi({ socket })
  t.after(() => identity.close())
  return identity
}
