import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { SpiffeWorkloadAPI } from '../../gen/workload_pb.js'
import type { Metadata } from '../grpc/testing/client.ts'
import { framed } from '../grpc/testing/client.ts'
import { HEADER, STATUS, world } from './world.suite.ts'

const wrong: readonly (readonly [string, Metadata])[] = [
  ['none', {}],
  ['twice', { 'workload.spiffe.io': ['true', 'true'] }],
  ['a list', { 'workload.spiffe.io': 'true, true' }],
  ['two values', { 'workload.spiffe.io': ['true', 'false'] }],
  ['empty', { 'workload.spiffe.io': '' }],
  ['in capitals', { 'workload.spiffe.io': 'True' }],
  ['1', { 'workload.spiffe.io': '1' }],
  ['of another name', { 'workload-spiffe-io': 'true' }],
]

for (const { name } of SpiffeWorkloadAPI.methods)
  test(`${name} demands the security header, once`, async t => {
    const { workloads, client } = await world(t)
    workloads.give('anyone', { tenant: 'acme', agent: 'a' })
    for (const [what, metadata] of wrong) {
      const call = client.begin(`/SpiffeWorkloadAPI/${name}`, metadata)
      call.stream.end(framed(Uint8Array.of()))
      const { http, code, message } = await call.ended
      assert.deepEqual([http, code], [200, STATUS.invalidArgument], what)
      assert.match(message, /^header_missing: security header missing from request/, what)
    }
    assert.equal(workloads.followers, 0)
    assert.equal(workloads.issued, 0)
  })

test('it is asked for before the request is read', async t => {
  const { client } = await world(t)
  const { stream } = client.begin('/SpiffeWorkloadAPI/FetchX509SVID')
  const [trailers] = await once(stream, 'trailers')
  assert.equal(trailers['grpc-status'], String(STATUS.invalidArgument))
})

test('with it, once, every method answers', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', { tenant: 'acme', agent: 'a' })
  const { fetchX509SVID, fetchX509Bundles, fetchJWTBundles } = SpiffeWorkloadAPI.method
  assert.ok(await client.call(fetchX509SVID, {}, HEADER).next())
  assert.ok(await client.call(fetchX509Bundles, {}, HEADER).next())
  assert.ok(await client.call(fetchJWTBundles, {}, HEADER).next())
})
