import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { SecretDiscoveryService } from '../../gen/envoy/service/secret/v3/sds_pb.js'
import { STATUS, until, world } from '../workload-api/world.suite.ts'
import { envoy, readSecret, SECRET } from './sds.suite.ts'

const { streamSecrets, fetchSecrets } = SecretDiscoveryService.method
const AGENT = { tenant: 'acme', agent: 'invoice-bot' }
const ID = 'spiffe://example.org/tenant/acme/agent/invoice-bot'
const OWN = 'spiffe://example.org'
const FOREIGN = 'spiffe://partner.example'

test('without a security header, the default identity and the roots of all', async t => {
  const { workloads, client } = await world(t)
  const [given] = workloads.give('anyone', AGENT, { tenant: 'acme', agent: 'second' })
  const other = workloads.federate('partner.example')
  const call = client.converse(streamSecrets)
  call.send({ resourceNames: ['default', 'ALL'], typeUrl: SECRET, node: envoy(40) })
  const { resources, typeUrl, versionInfo, nonce } = await call.next()
  assert.deepEqual([typeUrl, versionInfo], [SECRET, '1'])
  assert.match(nonce, /^[0-9a-f]{8}$/)
  const [svid, all] = resources.map(readSecret)
  assert.ok(svid && 'key' in svid)
  assert.equal(svid.name, 'default')
  assert.equal(new X509Certificate(svid.chain).subjectAltName, `URI:${ID}`)
  assert.equal(svid.chain.split('BEGIN CERTIFICATE').length - 1, given!.chain.length)
  assert.ok(createPrivateKey(svid.key).equals(given!.key))
  assert.deepEqual(all, {
    name: 'ALL',
    roots: { 'example.org': workloads.ca.rootPem, 'partner.example': other.rootPem },
  })
})

const names = [
  [['default']],
  [[ID]],
  [[OWN]],
  [['ROOTCA']],
  [[FOREIGN]],
  [['ALL']],
  // Those that SPIRE does not answer together.
  [[OWN, 'ROOTCA', 'ALL']],
  [['ALL', FOREIGN, 'default', ID]],
  [[ID, ID], [ID]],
  [[], [ID, OWN, FOREIGN]],
] as const

for (const [asked, answered = asked] of names)
  test(`the names ${JSON.stringify(asked)}`, async t => {
    const { workloads, client } = await world(t)
    workloads.give('anyone', AGENT)
    workloads.federate('partner.example')
    const request = { resourceNames: [...asked], typeUrl: SECRET }
    const reply = await client.call(fetchSecrets, request).next()
    assert.deepEqual(
      reply.resources.map(resource => readSecret(resource).name),
      answered,
    )
    const call = client.converse(streamSecrets)
    call.send(request)
    assert.deepEqual(
      (await call.next()).resources.map(resource => readSecret(resource).name),
      answered,
    )
  })

const strangers = [['other'], [`${ID}s`], [OWN, 'spiffe://nobody.example'], ['default', 'rootca'], ['']]

for (const resourceNames of strangers)
  test(`the names ${JSON.stringify(resourceNames)} are not for this workload`, async t => {
    const { workloads, client } = await world(t)
    workloads.give('anyone', AGENT)
    const call = client.converse(streamSecrets)
    call.send({ resourceNames })
    const { code, message } = await call.ended
    assert.equal(code, STATUS.invalidArgument)
    assert.match(message, /workload is not authorized for the requested identities/)
  })

const nodes = [
  ['no node', undefined, true],
  ['1.18', envoy(18), true],
  ['1.17', envoy(17), false],
  ['1.40 that must not', envoy(40, { disable_spiffe_cert_validation: true }), false],
  ['1.40 that may', envoy(40, { disable_spiffe_cert_validation: false }), true],
] as const

for (const [name, node, validator] of nodes)
  test(`Envoy: ${name}`, async t => {
    const { workloads, client } = await world(t)
    workloads.give('anyone', AGENT)
    const request = { resourceNames: ['ROOTCA'], ...(node ? { node } : {}) }
    const secret = readSecret((await client.call(fetchSecrets, request).next()).resources[0])
    const pem = workloads.ca.rootPem
    assert.deepEqual(
      secret,
      validator ? { name: 'ROOTCA', roots: { 'example.org': pem } } : { name: 'ROOTCA', trustedCa: pem },
    )
    workloads.federate('partner.example')
    // Roots of two trust domains in one list: each could speak for the other.
    const all = await client.call(fetchSecrets, { ...request, resourceNames: ['ALL'] }).ended
    assert.equal(all.code, validator ? STATUS.ok : STATUS.invalidArgument)
  })

test('answers are not answered, changes are sent once, older answers are ignored', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', AGENT)
  const call = client.converse(streamSecrets)
  call.send({ resourceNames: [ID] })
  const first = await call.next()
  call.send({ resourceNames: [ID], versionInfo: first.versionInfo, responseNonce: first.nonce })
  workloads.repeat()
  workloads.rotate()
  const second = await call.next()
  assert.deepEqual([second.versionInfo, second.resources.length], ['2', 1])
  assert.notEqual(second.nonce, first.nonce)
  // Names of an answer to what is no longer the newest.
  call.send({ resourceNames: [OWN], responseNonce: first.nonce })
  workloads.rotate()
  assert.equal(readSecret((await call.next()).resources[0]).name, ID)
})

test('an answer with other names is a question', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', AGENT)
  const call = client.converse(streamSecrets)
  call.send({ resourceNames: [ID] })
  const { nonce } = await call.next()
  call.send({ resourceNames: [ID, OWN], responseNonce: nonce })
  assert.deepEqual(
    (await call.next()).resources.map(resource => readSecret(resource).name),
    [ID, OWN],
  )
})

test('a change of bundles alone does not send the key again', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', AGENT)
  const [svid, all] = [client.converse(streamSecrets), client.converse(streamSecrets)]
  svid.send({ resourceNames: ['default'] })
  all.send({ resourceNames: ['ALL'] })
  await svid.next()
  await all.next()
  workloads.federate('partner.example')
  assert.equal((await all.next()).versionInfo, '2')
  workloads.rotate()
  assert.equal((await svid.next()).versionInfo, '2')
})

test('what Envoy refuses is logged and not sent again', async t => {
  const { workloads, client, warnings } = await world(t)
  workloads.give('anyone', AGENT)
  const call = client.converse(streamSecrets)
  call.send({ resourceNames: [ID] })
  const { nonce } = await call.next()
  call.send({ resourceNames: [ID], responseNonce: nonce, errorDetail: { code: 13, message: 'bad key' } })
  await until(() => warnings.length === 1)
  workloads.rotate()
  assert.equal((await call.next()).versionInfo, '2')
})

test('what is withdrawn ends the stream, and a process without an identity gets none', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', AGENT, { tenant: 'acme', agent: 'second' })
  const [one, any] = [client.converse(streamSecrets), client.converse(streamSecrets)]
  one.send({ resourceNames: [ID] })
  any.send({ resourceNames: ['default'] })
  await one.next()
  await any.next()
  workloads.give('anyone', { tenant: 'acme', agent: 'second' })
  assert.equal((await one.ended).code, STATUS.invalidArgument)
  assert.equal(readSecret((await any.next()).resources[0]).name, 'default')
  workloads.withdraw('anyone', 'agent_quarantined', 'killed')
  assert.equal((await any.ended).code, STATUS.permissionDenied)
  const later = client.converse(streamSecrets)
  later.send({ resourceNames: [] })
  assert.equal((await later.ended).code, STATUS.permissionDenied)
  assert.equal((await client.call(fetchSecrets, {}).ended).code, STATUS.permissionDenied)
  await until(() => workloads.followers === 0)
})

test('who asks for something else than secrets, or for too much, is refused', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', AGENT)
  const requests = [
    { typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster' },
    { resourceNames: Array.from({ length: 1001 }, (_, at) => String(at)) },
  ]
  for (const request of requests) {
    const call = client.converse(streamSecrets)
    call.send(request)
    assert.equal((await call.ended).code, STATUS.invalidArgument)
    assert.equal((await client.call(fetchSecrets, request).ended).code, STATUS.invalidArgument)
  }
})

test('the end of the requests ends the stream', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', AGENT)
  const call = client.converse(streamSecrets)
  call.send({ resourceNames: [ID] })
  await call.next()
  call.raw.stream.end()
  assert.equal((await call.ended).code, STATUS.ok)
  await until(() => workloads.followers === 0)
})

test('what a client says of itself and of its troubles is bounded', async t => {
  const { workloads, client, warnings } = await world(t)
  workloads.give('anyone', AGENT)
  const call = client.converse(streamSecrets)
  call.send({ resourceNames: [ID], typeUrl: SECRET })
  const { nonce } = await call.next()
  const errorDetail = { code: 13, message: 'x'.repeat(100_000) }
  for (let n = 0; n < 5; n++) call.send({ resourceNames: [ID], responseNonce: nonce, errorDetail })
  call.send({ resourceNames: [OWN], responseNonce: nonce })
  await call.next()
  assert.deepEqual(
    warnings.map(fields => (fields as { detail: string }).detail.length),
    [512],
  )
  for (const resourceNames of [['x'.repeat(3000)], Array(200).fill('x'.repeat(2000))]) {
    const refused = client.converse(streamSecrets)
    refused.send({ resourceNames, typeUrl: SECRET })
    assert.equal((await refused.ended).code, STATUS.invalidArgument)
  }
})
