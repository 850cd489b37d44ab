import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TestCa } from '../testing/ca.ts'
import { type FakeCall, FakeWorkloadApi } from '../testing/fake-workload-api.ts'
import { ALICE, BOB, ca } from '../testing/pair.ts'
import { x509Response } from '../testing/x509-response.ts'
import { WorkloadApiClient } from './client.ts'
import { GRPC } from './status.ts'

describe('WorkloadApiClient', () => {
  it('gets SVIDs with keys, hints and federated bundles', async t => {
    const globex = new TestCa('globex.example')
    const alice = ca.svid(ALICE)
    const message = x509Response([{ svid: alice, hint: 'internal' }, { svid: ca.svid(BOB) }], {
      'spiffe://globex.example': globex.bundle,
    })
    const fake = await FakeWorkloadApi.start(t, call => call.send(message))
    const client = clientOf(fake, t)
    const { svids, bundles } = await client.fetchX509Context()
    assert.deepEqual(
      svids.map(({ svid, hint }) => [`${svid.id}`, svid.serial, hint]),
      [
        [ALICE, alice.serial, 'internal'],
        [BOB, svids[1]!.svid.serial, null],
      ],
    )
    assert.equal(svids[0]!.svid.privateKeyPem(), alice.privateKeyPem())
    assert.deepEqual(Array.from(bundles, each => each.trustDomain.name).toSorted(), ['example.org', 'globex.example'])
    assert.equal(svids[0]!.svid.federated.length, 1)
  })

  it('sends the header that keeps browsers out, and asks for no compression', async t => {
    const fake = await FakeWorkloadApi.start(t, call => call.send(x509Response([{ svid: ca.svid(ALICE) }])))
    await clientOf(fake, t).fetchX509Context()
    const { headers } = fake.calls[0]!
    assert.equal(headers['workload.spiffe.io'], 'true')
    assert.equal(headers['content-type'], 'application/grpc')
    assert.equal(headers['grpc-encoding'], undefined)
  })

  const refusals: readonly [status: number, message: string, code: string][] = [
    [GRPC.permissionDenied, 'no identity issued', 'no_identity'],
    [GRPC.permissionDenied, 'no_identity: no identity issued', 'no_identity'],
    [GRPC.permissionDenied, 'workload_is_descendant: nicht für Kinder', 'workload_is_descendant'],
    [GRPC.permissionDenied, '', 'no_identity'],
    [GRPC.invalidArgument, 'security header missing from request', 'workload_api_refused'],
    [GRPC.unimplemented, 'no such thing', 'workload_api_unsupported'],
    [GRPC.unavailable, 'authority_unreachable: away', 'workload_api_unavailable'],
    [13, 'internal', 'workload_api_unavailable'],
    [99, 'a code of later times', 'workload_api_unavailable'],
  ]
  for (const [status, message, code] of refusals)
    it(`status ${status} "${message}" is ${code}`, async t => {
      const fake = await FakeWorkloadApi.start(t, call => call.end(status, message))
      await assert.rejects(clientOf(fake, t).fetchX509Context(), (error: { code: string; message: string }) => {
        assert.equal(error.code, code)
        assert.ok(error.message.includes(message), error.message)
        return true
      })
    })

  const nonsense: readonly [why: string, answer: (call: FakeCall) => void, code: string][] = [
    ['a part of a message', call => part(call, Buffer.of(0, 0, 0, 0, 9, 1)), 'workload_api_reply_invalid'],
    ['a compressed message', call => part(call, Buffer.of(1, 0, 0, 0, 1, 1)), 'workload_api_reply_invalid'],
    ['a message of 4 GiB', call => part(call, Buffer.of(0, 255, 255, 255, 255)), 'workload_api_reply_invalid'],
    ['no protobuf', call => call.send(Buffer.of(0xff)), 'workload_api_reply_invalid'],
    ['no SVID', call => call.send(new Uint8Array()), 'no_identity'],
    ['the key of another', call => call.send(mixed()), 'workload_api_reply_invalid'],
    ['another ID than in the certificate', call => call.send(renamed()), 'workload_api_reply_invalid'],
    ['no message', call => call.end(), 'workload_api_reply_invalid'],
    ['a web page', call => webPage(call), 'workload_api_reply_invalid'],
    ['a reset', call => call.stream.close(2), 'workload_api_unreachable'],
  ]
  for (const [why, answer, code] of nonsense)
    it(`${why}: ${code}`, async t => {
      const fake = await FakeWorkloadApi.start(t, answer)
      await assert.rejects(clientOf(fake, t).fetchX509Context(), { code })
    })

  it('connects again once the server is there again', async t => {
    const fake = await FakeWorkloadApi.start(t, call => call.send(x509Response([{ svid: ca.svid(ALICE) }])))
    const client = clientOf(fake, t)
    await client.fetchX509Context()
    await fake.stop()
    await assert.rejects(client.fetchX509Context(), { code: 'workload_api_unreachable' })
    await fake.listen()
    await client.fetchX509Context()
  })

  it('gives up by the signal', async t => {
    const fake = await FakeWorkloadApi.start(t)
    const abort = new AbortController()
    const asking = clientOf(fake, t).fetchX509Context({ signal: abort.signal })
    const call = await fake.next()
    abort.abort(new Error('enough'))
    await assert.rejects(asking, /enough/)
    if (fake.open.has(call)) await new Promise(resolve => call.stream.once('close', resolve))
  })
})

function clientOf(fake: FakeWorkloadApi, t: { after(work: () => void): void }): WorkloadApiClient {
  const client = new WorkloadApiClient({ socket: fake.socket })
  t.after(() => client.close())
  return client
}

function part(call: FakeCall, bytes: Buffer): void {
  call.stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  call.stream.once('wantTrailers', () => call.stream.sendTrailers({ 'grpc-status': '0' }))
  call.stream.end(bytes)
}

function webPage({ stream }: FakeCall): void {
  stream.respond({ ':status': 200, 'content-type': 'text/html' })
  stream.end('<p>hello</p>')
}

/** The certificate of one, with the key of another. */
function mixed(): Uint8Array {
  const svid = ca.svid(ALICE)
  const other = ca.svid(ALICE)
  return x509Response([{ svid: { ...parts(svid), privateKeyPem: () => other.privateKeyPem() } }])
}

const renamed = () => {
  const svid = ca.svid(ALICE)
  return x509Response([{ svid: { ...parts(svid), id: ca.svid(BOB).id, privateKeyPem: () => svid.privateKeyPem() } }])
}

const parts = ({ id, certificate, chain, bundle }: ReturnType<typeof ca.svid>) => ({ id, certificate, chain, bundle })
