import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { test } from 'node:test'
import { SpiffeWorkloadAPI } from '../../gen/workload_pb.js'
import { HEADER, STATUS, until, world } from './world.suite.ts'

const { fetchWITSVID, fetchWITBundles } = SpiffeWorkloadAPI.method
const AGENT = { tenant: 'acme', agent: 'invoice-bot' }
const ID = 'spiffe://example.org/tenant/acme/agent/invoice-bot'

const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())

test('a WIT-SVID comes with the private key that it binds', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', { ...AGENT, hint: 'a' })
  const { svids } = await client.call(fetchWITSVID, {}, HEADER).next()
  const { spiffeId, witSvid, witSvidKey, hint } = svids[0]!
  assert.deepEqual([svids.length, spiffeId, hint], [1, ID, 'a'])
  const jwk = JSON.parse(witSvidKey)
  const { x, y } = createPublicKey(createPrivateKey({ key: jwk, format: 'jwk' })).export({ format: 'jwk' })
  const { cnf, aud } = claimsOf(witSvid)
  assert.deepEqual([cnf.jwk.x, cnf.jwk.y, aud], [x, y, undefined])
})

test('it is renewed at half of its life, and when something has changed', async t => {
  const { workloads, client, time } = await world(t)
  workloads.give('anyone', AGENT)
  const call = client.call(fetchWITSVID, {}, HEADER)
  const first = (await call.next()).svids[0]!
  await time.advance(140_000)
  assert.equal(workloads.issued, 1)
  await time.advance(20_000)
  const second = (await call.next()).svids[0]!
  assert.notEqual(second.witSvidKey, first.witSvidKey)
  workloads.give('anyone', AGENT, { tenant: 'acme', agent: 'second' })
  assert.equal((await call.next()).svids.length, 2)
  workloads.withdraw('anyone', 'agent_quarantined', 'killed')
  assert.equal((await call.ended).code, STATUS.permissionDenied)
})

test('nothing waits for a caller who has gone', async t => {
  const { workloads, client, time } = await world(t)
  workloads.give('anyone', AGENT)
  const call = client.call(fetchWITSVID, {}, HEADER)
  await call.next()
  call.cancel()
  await call.ended
  // One waits still: the connection, for its next call.
  await until(() => workloads.followers === 0 && time.waiting === 1)
})

test('one of another is not given', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', AGENT)
  const other = await client.call(fetchWITSVID, { spiffeId: `${ID}s` }, HEADER).ended
  assert.equal(other.code, STATUS.permissionDenied)
  const wrong = await client.call(fetchWITSVID, { spiffeId: 'x' }, HEADER).ended
  assert.equal(wrong.code, STATUS.invalidArgument)
})

test('bundles are JWK Sets by SPIFFE ID, with keys for WIT-SVIDs alone', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', AGENT)
  const { bundles } = await client.call(fetchWITBundles, {}, HEADER).next()
  assert.deepEqual(Object.keys(bundles), ['spiffe://example.org'])
  const { keys } = JSON.parse(bundles['spiffe://example.org']!)
  assert.deepEqual(
    keys.map(({ kid, use }: { kid: string; use?: string }) => [kid, use]),
    [['wit-1', undefined]],
  )
})
