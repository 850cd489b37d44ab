import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeltaDiscoveryResponse } from '../../gen/envoy/service/discovery/v3/discovery_pb.js'
import { SecretDiscoveryService } from '../../gen/envoy/service/secret/v3/sds_pb.js'
import { STATUS, world } from '../workload-api/world.suite.ts'
import { readSecret, SECRET } from './sds.suite.ts'

const { deltaSecrets } = SecretDiscoveryService.method
const AGENT = { tenant: 'acme', agent: 'invoice-bot' }
const SECOND = { tenant: 'acme', agent: 'second' }
const ID = 'spiffe://example.org/tenant/acme/agent/invoice-bot'
const ID2 = 'spiffe://example.org/tenant/acme/agent/second'
const OWN = 'spiffe://example.org'

/** Names that came and names that went. */
function shown({ resources, removedResources, typeUrl }: DeltaDiscoveryResponse): [string[], string[]] {
  assert.equal(typeUrl, SECRET)
  for (const { name, resource } of resources) assert.equal(readSecret(resource).name, name)
  return [resources.map(({ name }) => name), removedResources]
}

test('only what has changed is sent', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', AGENT)
  const call = client.converse(deltaSecrets)
  call.send({ resourceNamesSubscribe: ['default', 'ALL'] })
  assert.deepEqual(shown(await call.next()), [['default', 'ALL'], []])
  workloads.repeat()
  workloads.rotate()
  assert.deepEqual(shown(await call.next()), [['default'], []])
  workloads.federate('partner.example')
  assert.deepEqual(shown(await call.next()), [['ALL'], []])
  call.send({ resourceNamesUnsubscribe: ['default'], resourceNamesSubscribe: [OWN] })
  assert.deepEqual(shown(await call.next()), [[OWN], []])
  workloads.rotate()
  workloads.unfederate('partner.example')
  assert.deepEqual(shown(await call.next()), [['ALL'], []])
})

test('asking for no name is asking for all, those that come later too', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', AGENT)
  for (const resourceNamesSubscribe of [[], ['*']]) {
    const call = client.converse(deltaSecrets)
    call.send({ resourceNamesSubscribe })
    assert.deepEqual(shown(await call.next()), [[ID, OWN], []])
    call.cancel()
  }
  const call = client.converse(deltaSecrets)
  call.send({})
  await call.next()
  workloads.give('anyone', AGENT, SECOND)
  assert.deepEqual(shown(await call.next()), [[ID, ID2], []])
  workloads.give('anyone', SECOND)
  assert.deepEqual(shown(await call.next()), [[ID2], [ID]])
})

test('a name that stands for nothing is told once, and sent as soon as it stands for something', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', AGENT)
  const call = client.converse(deltaSecrets)
  call.send({ resourceNamesSubscribe: [ID, ID2] })
  assert.deepEqual(shown(await call.next()), [[ID], [ID2]])
  workloads.rotate()
  assert.deepEqual(shown(await call.next()), [[ID], []])
  workloads.give('anyone', AGENT, SECOND)
  assert.deepEqual(shown(await call.next()), [[ID, ID2], []])
})

test('asking again for a name sends it again', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', AGENT)
  const call = client.converse(deltaSecrets)
  call.send({ resourceNamesSubscribe: [ID] })
  const { nonce } = await call.next()
  call.send({ responseNonce: nonce })
  call.send({ resourceNamesSubscribe: [ID] })
  assert.deepEqual(shown(await call.next()), [[ID], []])
})

test('after a new connection only what is not known already is sent', async t => {
  const { workloads, client, connect } = await world(t)
  workloads.give('anyone', AGENT)
  const first = client.converse(deltaSecrets)
  first.send({ resourceNamesSubscribe: [ID, OWN] })
  const { resources } = await first.next()
  const initialResourceVersions = Object.fromEntries(resources.map(({ name, version }) => [name, version]))
  workloads.rotate()
  const again = connect().converse(deltaSecrets)
  again.send({ resourceNamesSubscribe: [ID, OWN], initialResourceVersions: { ...initialResourceVersions, [ID2]: 'x' } })
  assert.deepEqual(shown(await again.next()), [[ID], [ID2]])
})

test('what is withdrawn is taken back before the stream ends', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', AGENT)
  const call = client.converse(deltaSecrets)
  call.send({ resourceNamesSubscribe: [ID, OWN] })
  await call.next()
  workloads.withdraw('anyone', 'agent_quarantined', 'killed')
  assert.deepEqual(shown(await call.next()), [[], [ID, OWN]])
  assert.equal((await call.ended).code, STATUS.permissionDenied)
})

test('names are not remembered without end', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', AGENT)
  const call = client.converse(deltaSecrets)
  for (let round = 0; round < 3; round++) {
    call.send({ resourceNamesSubscribe: Array.from({ length: 500 }, (_, at) => `${round}-${at}`) })
  }
  assert.equal((await call.ended).code, STATUS.invalidArgument)
  const other = client.converse(deltaSecrets)
  const initialResourceVersions = Object.fromEntries(Array.from({ length: 1001 }, (_, at) => [String(at), 'x']))
  other.send({ initialResourceVersions })
  assert.equal((await other.ended).code, STATUS.invalidArgument)
})
