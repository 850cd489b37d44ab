import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it, type TestContext } from 'node:test'
import { inspect } from 'node:util'
import { SpiffeId, signJwtSvid } from '@lanyard/protocol'
import { nodeSigner } from '@lanyard/protocol/node'
import { ecKey } from '../testing/ca.ts'
import { type FakeCall, FakeWorkloadApi } from '../testing/fake-workload-api.ts'
import { ALICE, BOB, ca } from '../testing/pair.ts'
import { x509Response } from '../testing/x509-response.ts'
import { JwtSource } from './jwt-source.ts'
import { JwtBundlesResponse, JwtSvidRequest, JwtSvidResponse } from './messages.ts'
import { GRPC } from './status.ts'
import { X509Source } from './x509-source.ts'

const key = ecKey()
const seconds = () => Math.floor(Date.now() / 1000)
const tokenFor = (id: string, audience: readonly string[], expiresAt = seconds() + 60) =>
  signJwtSvid(
    { id: SpiffeId.parse(id), audience, kid: 'k1', issuedAt: seconds() - 5, expiresAt },
    nodeSigner(key),
  ) as string

describe('X509Source', () => {
  it('has the newest state, and gives out nothing that was taken back', async t => {
    const alice = ca.svid(ALICE)
    const fake = await FakeWorkloadApi.start(t, call => call.send(x509Response([{ svid: alice }])))
    const source = await opened(t, X509Source.open({ socket: fake.socket }))
    assert.equal(source.svid.serial, alice.serial)
    assert.equal(source.bundles.size, 1)
    assert.equal(source.find(ALICE)?.serial, alice.serial)
    assert.equal(source.find(BOB), undefined)

    const next = ca.svid(ALICE)
    const [call] = fake.open
    await updated(source, () => call!.send(x509Response([{ svid: next }])))
    assert.equal(source.svid.serial, next.serial)

    fake.answer(() => {})
    await updated(source, () => call!.end(GRPC.permissionDenied, 'no identity issued'))
    assert.throws(() => source.svid, { code: 'no_identity' })
    assert.throws(() => source.bundleSource(alice.trustDomain), { code: 'no_identity' })
  })

  it('goes on with what it has while the daemon is away', async t => {
    const fake = await FakeWorkloadApi.start(t, call => call.send(x509Response([{ svid: ca.svid(ALICE) }])))
    const source = await opened(t, X509Source.open({ socket: fake.socket }))
    const [call] = fake.open
    const gone = once(call!.stream, 'close')
    await fake.stop()
    await gone
    assert.equal(`${source.svid.id}`, ALICE)
  })

  it('chooses by the picker', async t => {
    const both = x509Response([{ svid: ca.svid(ALICE) }, { svid: ca.svid(BOB), hint: 'external' }])
    const fake = await FakeWorkloadApi.start(t, call => call.send(both))
    const picker: X509SourcePicker = svids => svids.find(({ hint }) => hint === 'external')
    const source = await opened(t, X509Source.open({ socket: fake.socket, picker }))
    assert.equal(`${source.svid.id}`, BOB)
    assert.equal(source.svids.length, 2)
    const none = await opened(t, X509Source.open({ socket: fake.socket, picker: () => undefined }))
    assert.throws(() => none.svid, { code: 'no_identity' })
  })

  it('says why it could not be opened', async t => {
    const fake = await FakeWorkloadApi.start(t, call => call.end(GRPC.permissionDenied, 'workload_is_descendant: no'))
    const options = { socket: fake.socket, startTimeoutMs: 20 }
    await assert.rejects(X509Source.open({ ...options, startTimeoutMs: 1_000 }), { code: 'workload_is_descendant' })
    fake.answer(call => call.end(GRPC.invalidArgument))
    await assert.rejects(X509Source.open({ socket: fake.socket }), { code: 'workload_api_refused' })
    fake.answer(() => {})
    await assert.rejects(X509Source.open(options), { code: 'workload_api_unavailable' })
    await assert.rejects(X509Source.open({ ...options, signal: AbortSignal.abort(new Error('enough')) }), /enough/)
  })

  it('gives nothing once it is closed', async t => {
    const fake = await FakeWorkloadApi.start(t, call => call.send(x509Response([{ svid: ca.svid(ALICE) }])))
    const source = await X509Source.open({ socket: fake.socket })
    source.close()
    assert.throws(() => source.svid, { code: 'identity_closed' })
  })
})

describe('JwtSource', () => {
  it('fetches tokens for an audience, and validates those of others by itself', async t => {
    const source = await jwtSource(t)
    const svid = await source.fetchJwtSvid({ audience: 'payments' })
    assert.deepEqual([`${svid.id}`, svid.audience, svid.hint], [ALICE, ['payments'], 'internal'])
    assert.equal(`${source.validate(svid.token, 'payments').id}`, ALICE)
    const ofBob = await source.fetchJwtSvid({ audience: ['a', 'b'], id: BOB })
    assert.deepEqual([`${ofBob.id}`, ofBob.audience], [BOB, ['a', 'b']])
  })

  it('refuses tokens that are not for the own name, not of a key that is trusted, or not any more', async t => {
    const source = await jwtSource(t)
    const { token } = await source.fetchJwtSvid({ audience: 'payments' })
    assert.throws(() => source.validate(token, 'billing'), { code: 'jwt_audience_mismatch' })
    assert.throws(() => source.validate(tokenFor(ALICE, ['payments'], seconds() - 11), 'payments'), {
      code: 'token_expired',
    })
    const stranger = tokenFor('spiffe://other.example/alice', ['payments'])
    assert.throws(() => source.validate(stranger, 'payments'), { code: 'bundle_unknown' })
    assert.throws(() => source.validate(token.slice(0, -8), 'payments'), { name: 'ProtocolError' })
    assert.throws(() => source.validate(token, ''), TypeError)
  })

  it('refuses to ask for a token that would be for anyone', async t => {
    const source = await jwtSource(t)
    for (const audience of ['', [], ['a', '']]) await assert.rejects(source.fetchJwtSvid({ audience }), TypeError)
  })

  it('shows no token', async t => {
    const source = await jwtSource(t)
    const svid = await source.fetchJwtSvid({ audience: 'payments' })
    for (const shown of [JSON.stringify(svid), inspect(svid)]) assert.ok(!shown.includes(svid.token.slice(-20)), shown)
  })

  it('refuses a token for another than was asked for', async t => {
    const source = await jwtSource(t, ALICE)
    await assert.rejects(source.fetchJwtSvid({ audience: 'a', id: BOB }), { code: 'workload_api_reply_invalid' })
  })
})

type X509SourcePicker = NonNullable<NonNullable<Parameters<typeof X509Source.open>[0]>['picker']>

/** A source at a Workload API that signs tokens for Alice, or for whom is asked for; with `always` for that one. */
async function jwtSource(t: TestContext, always?: string): Promise<JwtSource> {
  const { kty, crv, x, y } = key.export({ format: 'jwk' })
  const jwks = Buffer.from(JSON.stringify({ keys: [{ kty, crv, x, y, kid: 'k1' }] }))
  const fake = await FakeWorkloadApi.start(t, call => answer(call))
  const answer = (call: FakeCall) => {
    if (call.rpc === 'FetchJWTBundles')
      return call.send(JwtBundlesResponse.encode({ bundles: new Map([['spiffe://example.org', jwks]]) }))
    const { audience, spiffeId } = JwtSvidRequest.decode(call.message)
    const id = always ?? (spiffeId || ALICE)
    const svids = [{ spiffeId: id, svid: tokenFor(id, audience), hint: 'internal' }]
    call.send(JwtSvidResponse.encode({ svids }))
    call.end()
  }
  return opened(t, JwtSource.open({ socket: fake.socket }))
}

async function opened<S extends { close(): void }>(t: TestContext, opening: Promise<S>): Promise<S> {
  const source = await opening
  t.after(() => source.close())
  return source
}

function updated(source: X509Source, act: () => void): Promise<void> {
  return new Promise(resolve => {
    const stop = source.onUpdate(() => {
      stop()
      resolve()
    })
    act()
  })
}
