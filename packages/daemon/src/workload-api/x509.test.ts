import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { SpiffeWorkloadAPI } from '../../gen/workload_pb.js'
import { HEADER, STATUS, until, world } from './world.suite.ts'

const { fetchX509SVID, fetchX509Bundles } = SpiffeWorkloadAPI.method
const AGENT = { tenant: 'acme', agent: 'invoice-bot' }
const ID = 'spiffe://example.org/tenant/acme/agent/invoice-bot'

test('the first message comes at once: chain, its key, bundle and hint', async t => {
  const { workloads, client } = await world(t)
  const [given] = workloads.give('anyone', { ...AGENT, hint: 'internal' })
  const { svids, crl, federatedBundles } = await client.call(fetchX509SVID, {}, HEADER).next()
  const [svid] = svids
  assert.equal(svids.length, 1)
  assert.deepEqual([svid!.spiffeId, svid!.hint, crl, federatedBundles], [ID, 'internal', [], {}])
  assert.deepEqual(Buffer.from(svid!.x509Svid), Buffer.concat(given!.chain.map(({ der }) => der)))
  assert.deepEqual(Buffer.from(svid!.bundle), Buffer.from(workloads.ca.root.der))
  const key = createPrivateKey({ key: Buffer.from(svid!.x509SvidKey), format: 'der', type: 'pkcs8' })
  // A reader of concatenated DER takes the first certificate for the leaf.
  const leaf = new X509Certificate(Buffer.from(svid!.x509Svid))
  assert.ok(leaf.checkPrivateKey(key))
  assert.ok(createPublicKey(key).equals(leaf.publicKey))
})

test('a new state is told at once and whole, the same state is not told again', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', AGENT, { tenant: 'acme', agent: 'second' })
  const call = client.call(fetchX509SVID, {}, HEADER)
  assert.equal((await call.next()).svids.length, 2)
  workloads.repeat()
  workloads.repeat()
  const [left] = workloads.give('anyone', AGENT)
  const next = await call.next()
  assert.deepEqual(
    next.svids.map(({ spiffeId }) => spiffeId),
    [ID],
  )
  assert.deepEqual(Buffer.from(next.svids[0]!.x509Svid), Buffer.concat(left!.chain.map(({ der }) => der)))
})

test('the last identity withdrawn ends the stream with PermissionDenied and our code', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', AGENT)
  const call = client.call(fetchX509SVID, {}, HEADER)
  await call.next()
  workloads.withdraw('anyone', 'agent_quarantined', 'killed by an operator')
  assert.deepEqual(await call.ended, {
    http: 200,
    code: STATUS.permissionDenied,
    message: 'agent_quarantined: killed by an operator',
  })
  assert.equal(workloads.followers, 0)
})

const refusals = [
  ['no_identity', 'not registered', 'no_identity: no identity issued: not registered'],
  ['workload_is_descendant', 'started by a shell', 'workload_is_descendant: started by a shell'],
  ['no_identity', 'zeile\nmit Umlaut ä und %', 'no_identity: no identity issued: zeile\nmit Umlaut ä und %'],
] as const

for (const [code, detail, message] of refusals)
  test(`refused at first: ${JSON.stringify(message)}`, async t => {
    const { workloads, client } = await world(t)
    workloads.withdraw('anyone', code, detail)
    const expected = { http: 200, code: STATUS.permissionDenied, message }
    assert.deepEqual(await client.call(fetchX509SVID, {}, HEADER).ended, expected)
    assert.deepEqual(await client.call(fetchX509Bundles, {}, HEADER).ended, expected)
  })

test('what cannot be had now is Unavailable', async t => {
  const { workloads, client } = await world(t)
  workloads.makeUnavailable('anyone', 'attestation_failed', 'docker does not answer')
  const { code, message } = await client.call(fetchX509SVID, {}, HEADER).ended
  assert.deepEqual([code, message], [STATUS.unavailable, 'attestation_failed: docker does not answer'])
})

test('no SVID at all is never an empty message', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone')
  const { code, message } = await client.call(fetchX509SVID, {}, HEADER).ended
  assert.deepEqual([code, message], [STATUS.permissionDenied, 'no_identity: no identity issued'])
})

test('a hint is given once, to the first, and none of more than 1,024 bytes', async t => {
  const { workloads, client } = await world(t)
  const hints = ['a', 'b', 'a', 'ü'.repeat(513), null, 'ü'.repeat(512)]
  workloads.give('anyone', ...hints.map((hint, at) => ({ tenant: 'acme', agent: `n${at}`, hint })))
  const { svids } = await client.call(fetchX509SVID, {}, HEADER).next()
  assert.deepEqual(
    svids.map(({ hint }) => hint),
    ['a', 'b', '', '', '', 'ü'.repeat(512)],
  )
})

test('federated bundles come and go, by SPIFFE ID, never merged', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', AGENT)
  const other = workloads.federate('partner.example')
  const svids = client.call(fetchX509SVID, {}, HEADER)
  const bundles = client.call(fetchX509Bundles, {}, HEADER)
  const foreign = { 'spiffe://partner.example': new Uint8Array(other.root.der) }
  const own = { 'spiffe://example.org': new Uint8Array(workloads.ca.root.der) }
  assert.deepEqual({ ...(await svids.next()).federatedBundles }, foreign)
  assert.deepEqual({ ...(await bundles.next()).bundles }, { ...own, ...foreign })
  workloads.unfederate('partner.example')
  assert.deepEqual({ ...(await svids.next()).federatedBundles }, {})
  assert.deepEqual({ ...(await bundles.next()).bundles }, own)
})

test('the stream ends when the process does, and the connection with it', async t => {
  const { workloads, client, process } = await world(t)
  workloads.give('anyone', AGENT)
  const call = client.call(fetchX509SVID, {}, HEADER)
  await call.next()
  const gone = new Promise(resolve => client.session.once('close', resolve))
  process.end()
  const { code, message } = await call.ended
  assert.equal(code, STATUS.permissionDenied)
  assert.match(message, /^workload_gone: /)
  await gone
  await until(() => process.released)
})

test('a process that ended unnoticed gets no message more', async t => {
  const { workloads, client, process } = await world(t)
  workloads.give('anyone', AGENT)
  const call = client.call(fetchX509SVID, {}, HEADER)
  await call.next()
  process.isAlive = () => false
  workloads.give('anyone', AGENT)
  assert.equal((await client.call(fetchX509SVID, {}, HEADER).ended).code, STATUS.permissionDenied)
})

test('who reads slowly gets the newest state, not all that came between', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', AGENT)
  const call = client.call(fetchX509SVID, {}, HEADER)
  await call.next()
  for (let round = 0; round < 5; round++) workloads.rotate()
  const [newest] = workloads.give('anyone', AGENT)
  assert.deepEqual(Buffer.from((await call.next()).svids[0]!.x509SvidKey), Buffer.from(newest!.keyDer))
})

test('subscribers are counted while they follow', async t => {
  const { workloads, client, gauge } = await world(t)
  workloads.give('anyone', AGENT)
  const calls = [client.call(fetchX509SVID, {}, HEADER), client.call(fetchX509Bundles, {}, HEADER)]
  for (const call of calls) await call.next()
  assert.deepEqual([gauge('subscribers'), gauge('connections')], [2, 1])
  for (const call of calls) call.cancel()
  for (const call of calls) await call.ended
  await client.call(fetchX509SVID, {}, HEADER).next()
  assert.equal(gauge('subscribers'), 1)
})
