import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it, type TestContext } from 'node:test'
import { dangerouslyAny, memberOf, tenant } from '../guard/authorizer.ts'
import { TestCa } from '../testing/ca.ts'
import { FakeWorkloadApi } from '../testing/fake-workload-api.ts'
import { ALICE, BOB, bobServes, ca, whoCalls } from '../testing/pair.ts'
import { TestTime } from '../testing/test-time.ts'
import { type SvidToSend, x509Response } from '../testing/x509-response.ts'
import { LOOK_EVERY_MS } from '../time.ts'
import { GRPC } from '../workload-api/status.ts'
import { Identity } from './identity.ts'
import type { WorkloadOptions } from './workload-options.ts'

const bob = { peer: tenant('acme') }

describe('Identity.fromWorkloadApi', () => {
  it('calls and serves with what the Workload API gives', async t => {
    const stage = await staged(t, [{ svid: ca.svid(ALICE) }])
    const { identity } = stage
    assert.equal(`${identity.id}`, ALICE)
    assert.equal(identity.guard.standing, 'off')
    const { url } = await bobServes(t)
    assert.equal(await (await identity.fetch(url, bob)).text(), ALICE)
    const serving = await identity.serve({ allow: tenant('acme') }, whoCalls)
    t.after(() => serving.close())
    const other = await staged(t, [{ svid: ca.svid(BOB) }])
    assert.equal(await (await other.identity.fetch(serving.url, bob)).text(), BOB)
  })

  it('takes each new certificate at once, and stays the same', async t => {
    const stage = await staged(t, [{ svid: ca.svid(ALICE) }])
    const next = ca.svid(ALICE)
    const renewed = once(stage.identity, 'renewed')
    // A default of another name comes first now: this identity is Alice all the same.
    stage.send([{ svid: ca.svid(BOB) }, { svid: next }])
    assert.equal((await renewed)[0].serial, next.serial)
    assert.equal(stage.identity.svid.serial, next.serial)
  })

  it('chooses by ID and by hint', async t => {
    const given = [
      { svid: ca.svid(ALICE), hint: 'internal' },
      { svid: ca.svid(BOB), hint: 'external' },
    ]
    assert.equal(`${(await staged(t, given)).identity.id}`, ALICE)
    assert.equal(`${(await staged(t, given, { id: BOB })).identity.id}`, BOB)
    assert.equal(`${(await staged(t, given, { hint: 'external' })).identity.id}`, BOB)
    for (const choice of [{ id: ca.id('acme', 'eve') }, { hint: 'none' }, { id: ALICE, hint: 'external' }])
      await assert.rejects(staged(t, given, { ...choice, startTimeoutMs: 30 }), { code: 'no_identity' })
  })

  it('ends everything at once when it is taken back, and goes on when it is given again', async t => {
    const stage = await staged(t, [{ svid: ca.svid(ALICE) }])
    const { identity } = stage
    const { url } = await bobServes(t)
    await (await identity.fetch(url, bob)).text()
    const serving = await identity.serve({ allow: tenant('acme') }, whoCalls)
    t.after(() => serving.close())
    const eve = await staged(t, [{ svid: ca.svid(BOB) }])
    await (await eve.identity.fetch(serving.url, bob)).text()
    assert.equal(identity.connections, 2)

    const withdrawn = once(identity, 'withdrawn')
    stage.end(GRPC.permissionDenied, 'agent_quarantined: killed')
    const [{ code }] = await withdrawn
    assert.equal(code, 'agent_quarantined')
    assert.equal(identity.guard.standing, 'dead')
    await assert.rejects(identity.fetch(url, bob), { code: 'identity_withdrawn' })
    await assert.rejects(identity.connect({ host: '127.0.0.1', port: serving.port, ...bob }), {
      code: 'identity_withdrawn',
    })
    await assert.rejects(eve.identity.fetch(serving.url, bob))
    assert.equal(identity.connections, 0)

    const again = ca.svid(ALICE)
    stage.give([{ svid: again }])
    const renewed = once(identity, 'renewed')
    await identity.renew()
    await renewed
    assert.equal(await (await identity.fetch(url, bob)).text(), ALICE)
    assert.equal(await (await eve.identity.fetch(serving.url, bob)).text(), BOB)
  })

  it('takes it as taken back when it is missing among others', async t => {
    const stage = await staged(t, [{ svid: ca.svid(ALICE) }, { svid: ca.svid(BOB) }])
    const withdrawn = once(stage.identity, 'withdrawn')
    stage.send([{ svid: ca.svid(BOB) }])
    assert.equal((await withdrawn)[0].code, 'no_identity')
    const same = stage.identity.svid
    const renewed = once(stage.identity, 'renewed')
    stage.send([{ svid: same }])
    await renewed
    assert.equal(stage.identity.guard.standing, 'off')
  })

  it('goes on with what it has while the daemon is away, and hears of it again', async t => {
    const stage = await staged(t, [{ svid: ca.svid(ALICE) }])
    const { url } = await bobServes(t)
    const failing = once(stage.identity, 'failing')
    await stage.fake.stop()
    const [{ error, retryAt }] = await failing
    assert.equal(error.code, 'workload_api_unreachable')
    assert.ok(retryAt > new Date())
    assert.equal(await (await stage.identity.fetch(url, bob)).text(), ALICE)
    await stage.fake.listen()
    const next = ca.svid(ALICE)
    stage.give([{ svid: next }])
    assert.equal((await stage.identity.renew()).serial, next.serial)
  })

  it('waits for the daemon and for an entry at the start, with a pause that grows', async t => {
    const time = new TestTime()
    const answers = [
      () => [GRPC.permissionDenied, 'no identity issued'],
      () => [GRPC.unavailable, 'attestation failed'],
    ] as const
    const fake = await FakeWorkloadApi.start(t, call => {
      const [status, text] = answers[fake.calls.length - 1]?.() ?? []
      if (status === undefined) call.send(x509Response([{ svid: ca.svid(ALICE) }]))
      else call.end(status as number, String(text))
    })
    const made = Identity.fromWorkloadApi({ socket: fake.socket, time })
    await pumped(time, made)
    assert.equal(fake.calls.length, 3)
    const identity = await made
    t.after(() => identity.close())
  })

  it('gives up at once where a retry is forbidden, or the socket is not trusted', async t => {
    const fake = await FakeWorkloadApi.start(t, call => call.end(GRPC.invalidArgument, 'security header missing'))
    await assert.rejects(Identity.fromWorkloadApi({ socket: fake.socket }), { code: 'workload_api_refused' })
    assert.equal(fake.calls.length, 1)
    await assert.rejects(Identity.fromWorkloadApi({ socket: 'tcp://1.2.3.4:5' }), { code: 'workload_api_untrusted' })
    await assert.rejects(Identity.fromWorkloadApi({ socket: 'nonsense' }), { code: 'workload_api_address_invalid' })
  })

  it('says in time that nobody answers', async t => {
    const fake = await FakeWorkloadApi.start(t)
    const made = Identity.fromWorkloadApi({ socket: fake.socket, startTimeoutMs: 20 })
    await assert.rejects(made, { code: 'workload_api_unavailable' })
    const gone = Identity.fromWorkloadApi({ socket: `${fake.socket}.gone`, startTimeoutMs: 20 })
    await assert.rejects(gone, { code: 'workload_api_unreachable' })
  })

  it('believes members of federated trust domains for as long as it is told to, and each by its own bundle alone', async t => {
    const globex = new TestCa('globex.example')
    const eve = globex.svid('spiffe://globex.example/eve')
    const stage = await staged(t, [{ svid: ca.svid(ALICE) }], {}, { 'spiffe://globex.example': globex.bundle })
    const { identity } = stage
    const theirs = await staged(t, [{ svid: eve }], {}, { 'spiffe://example.org': ca.bundle })
    const serving = await theirs.identity.serve({ allow: memberOf('example.org') }, whoCalls)
    t.after(() => serving.close())
    const peer = memberOf('globex.example')
    assert.equal(await (await identity.fetch(serving.url, { peer })).text(), ALICE)
    assert.equal(identity.connections, 1)

    stage.send([{ svid: identity.svid }])
    await emptied(identity)
    await assert.rejects(identity.fetch(serving.url, { peer }), { code: 'peer_untrusted' })

    // The root of globex under the name of another trust domain lets nobody of globex in.
    stage.send([{ svid: identity.svid }], { 'spiffe://other.example': globex.bundle })
    await assert.rejects(identity.fetch(serving.url, { peer: dangerouslyAny() }), { code: 'peer_untrusted' })
  })

  it('is what the environment says when nothing else does', async t => {
    const { fake } = await staged(t, [{ svid: ca.svid(ALICE) }])
    const identity = await Identity.fromEnvironment({}, { SPIFFE_ENDPOINT_SOCKET: fake.socket })
    t.after(() => identity.close())
    assert.equal(`${identity.id}`, ALICE)
  })

  it('is over when it is closed', async t => {
    const { identity, fake } = await staged(t, [{ svid: ca.svid(ALICE) }])
    const [call] = fake.open
    const ended = once(call!.stream, 'close')
    await identity.close()
    await ended
    await assert.rejects(identity.renew(), { code: 'identity_closed' })
  })
})

/** An identity at a Workload API of its own; `send` tells it of a new state, `give` is what further calls get. */
async function staged(
  t: TestContext,
  svids: readonly SvidToSend[],
  options: WorkloadOptions = {},
  federated: Readonly<Record<string, string>> = {},
) {
  let state = x509Response(svids, federated)
  const fake = await FakeWorkloadApi.start(t, call => call.send(state))
  const identity = await Identity.fromWorkloadApi({ socket: fake.socket, ...options })
  t.after(() => identity.close())
  const give = (next: readonly SvidToSend[], others: Readonly<Record<string, string>> = {}) => {
    state = x509Response(next, others)
  }
  const send = (next: readonly SvidToSend[], others: Readonly<Record<string, string>> = {}) => {
    give(next, others)
    for (const call of fake.open) call.send(state)
  }
  const end = (status: number, text: string) => {
    fake.answer(call => call.end(status, text))
    for (const call of fake.open) call.end(status, text)
    fake.answer(call => call.send(state))
  }
  return { fake, identity, give, send, end }
}

/**
 * Lets time pass from one pause to the next until the promise is kept: while somebody asks nothing is due but the end of
 * the start, which stays where it is however long that takes.
 */
async function pumped(time: TestTime, promise: Promise<unknown>): Promise<void> {
  let done = false
  promise.finally(() => {
    done = true
  })
  while (!done) {
    await new Promise(resolve => setImmediate(resolve))
    time.skip(LOOK_EVERY_MS)
  }
}

/** Kept once no connection is left. */
async function emptied(identity: Identity): Promise<void> {
  while (identity.connections > 0) await new Promise(resolve => setImmediate(resolve))
}
