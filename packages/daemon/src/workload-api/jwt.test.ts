import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LanyardError } from '@lanyard/api'
import { Bundle, bundleSource, type Credential, SpiffeId, TrustDomain, verifyJwtSvid } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { SpiffeWorkloadAPI } from '../../gen/workload_pb.js'
import { HEADER, STATUS, world } from './world.suite.ts'

const { fetchJWTSVID, fetchJWTBundles, validateJWTSVID } = SpiffeWorkloadAPI.method
const AGENT = { tenant: 'acme', agent: 'invoice-bot' }
const ID = 'spiffe://example.org/tenant/acme/agent/invoice-bot'

test('tokens of all identities, or of the one that is asked for', async t => {
  const { workloads, client, time } = await world(t)
  workloads.give('anyone', { ...AGENT, hint: 'a' }, { tenant: 'acme', agent: 'second', hint: 'a' })
  const { svids } = await client.call(fetchJWTSVID, { audience: ['x', 'y'] }, HEADER).next()
  assert.deepEqual(
    svids.map(({ spiffeId, hint }) => [spiffeId, hint]),
    [
      [ID, 'a'],
      ['spiffe://example.org/tenant/acme/agent/second', ''],
    ],
  )
  const at = Math.floor(time.now() / 1000)
  const bundles = bundleSource(workloads.ca.bundle)
  const proved = verifyJwtSvid({ token: svids[0]!.svid, audience: 'y', bundles, at }, nodeCrypto)
  assert.equal(proved.id.toString(), ID)
  const one = await client.call(fetchJWTSVID, { audience: ['x'], spiffeId: svids[1]!.spiffeId }, HEADER).next()
  assert.deepEqual(
    one.svids.map(({ spiffeId }) => spiffeId),
    [svids[1]!.spiffeId],
  )
})

const wrong = [
  ['no audience', { audience: [] }, STATUS.invalidArgument, /^audience_invalid: /],
  ['an empty audience', { audience: ['x', ''] }, STATUS.invalidArgument, /^audience_invalid: /],
  ['no SPIFFE ID', { audience: ['x'], spiffeId: 'https://example.org/a' }, STATUS.invalidArgument, /^spiffe_/],
  [
    'an ID of another',
    { audience: ['x'], spiffeId: `${ID}s` },
    STATUS.permissionDenied,
    /^no_identity: no identity issued/,
  ],
] as const

for (const [name, request, code, message] of wrong)
  test(`a token asked for with ${name}`, async t => {
    const { workloads, client } = await world(t)
    workloads.give('anyone', AGENT)
    const ended = await client.call(fetchJWTSVID, { ...request, audience: [...request.audience] }, HEADER).ended
    assert.equal(ended.code, code)
    assert.match(ended.message, message)
  })

const thrown = [
  ['audience_invalid', STATUS.invalidArgument],
  ['agent_quarantined', STATUS.permissionDenied],
  ['workload_is_descendant', STATUS.permissionDenied],
  ['server_unreachable', STATUS.unavailable],
  ['attestation_failed', STATUS.unavailable],
  // What is wrong between the daemon and the authority must not stop a client for good.
  ['csr_invalid', STATUS.unavailable],
  ['node_unknown', STATUS.unavailable],
] as const

for (const [code, status] of thrown)
  test(`${code} is status ${status}`, async t => {
    const { workloads, client } = await world(t)
    workloads.jwtSvids = async () => {
      throw new LanyardError(code, 'why')
    }
    const ended = await client.call(fetchJWTSVID, { audience: ['x'] }, HEADER).ended
    assert.deepEqual([ended.code, ended.message], [status, `${code}: why`])
  })

test('a fault of ours tells nothing, and is logged', async t => {
  const { workloads, client, errors } = await world(t)
  workloads.jwtSvids = () => Promise.reject(new TypeError('secret path /x'))
  const { code, message } = await client.call(fetchJWTSVID, { audience: ['x'] }, HEADER).ended
  assert.equal(code, STATUS.internal)
  assert.equal(message, 'internal_error: the cause is in the log of the daemon')
  assert.equal(errors.length, 1)
})

test('bundles are plain JWK Sets by SPIFFE ID, with keys for JWT-SVIDs alone', async t => {
  const { workloads, client } = await world(t)
  workloads.give('anyone', AGENT)
  workloads.federate('partner.example')
  const call = client.call(fetchJWTBundles, {}, HEADER)
  const { bundles } = await call.next()
  assert.deepEqual(Object.keys(bundles), ['spiffe://example.org', 'spiffe://partner.example'])
  const { keys } = JSON.parse(new TextDecoder().decode(bundles['spiffe://example.org']))
  assert.deepEqual(
    keys.map((key: object) => Object.keys(key).sort()),
    [['alg', 'crv', 'kid', 'kty', 'x', 'y']],
  )
  assert.equal(keys[0].kid, 'jwt-1')
  workloads.unfederate('partner.example')
  assert.deepEqual(Object.keys((await call.next()).bundles), ['spiffe://example.org'])
})

test('a bundle without keys is an empty list, never null', async t => {
  const { workloads, client } = await world(t)
  const none = Bundle.of({ trustDomain: TrustDomain.parse('example.org') })
  workloads.followBundles = (_process, listener) => {
    listener({ kind: 'bundles', bundles: { own: none, federated: new Map() } })
    return () => {}
  }
  const { bundles } = await client.call(fetchJWTBundles, {}, HEADER).next()
  assert.equal(new TextDecoder().decode(bundles['spiffe://example.org']), '{"keys":[]}')
})

test('a valid token gives its ID and claims, with a list of audiences', async t => {
  const { workloads, client, time } = await world(t)
  workloads.give('anyone', AGENT)
  const exp = Math.floor(time.now() / 1000) + 60
  const svid = workloads.ca.jwt(SpiffeId.parse(ID), ['x'], exp)
  const reply = await client.call(validateJWTSVID, { audience: 'x', svid }, HEADER).next()
  assert.equal(reply.spiffeId, ID)
  assert.deepEqual(reply.claims, { sub: ID, aud: ['x'], exp, iat: exp - 60 })
})

test('of another trust domain only the claims of the standard are told', async t => {
  const { workloads, client, time } = await world(t)
  workloads.give('anyone', AGENT)
  const other = workloads.federate('partner.example')
  const exp = Math.floor(time.now() / 1000) + 60
  const sub = 'spiffe://partner.example/admin'
  const svid = other.jwt(SpiffeId.parse(sub), ['x'], exp)
  const reply = await client.call(validateJWTSVID, { audience: 'x', svid }, HEADER).next()
  assert.deepEqual(reply.claims, { sub, aud: ['x'], exp })
})

test('tokens that are refused', async t => {
  const { workloads, client, time } = await world(t)
  workloads.give('anyone', AGENT)
  const now = Math.floor(time.now() / 1000)
  const id = SpiffeId.parse(ID)
  const good = workloads.ca.jwt(id, ['x'], now + 60)
  const stranger = workloads.federate('stranger.example')
  workloads.unfederate('stranger.example')
  const [head, , tail] = good.split('.')
  const claims = Buffer.from(JSON.stringify({ sub: `${ID}s`, aud: ['x'], exp: now + 60 })).toString('base64url')
  const table = [
    ['audience', 'y', good, 'jwt_audience_mismatch'],
    ['over', 'x', workloads.ca.jwt(id, ['x'], now - 120), 'token_expired'],
    ['a stranger', 'x', stranger.jwt(SpiffeId.parse('spiffe://stranger.example/a'), ['x'], now + 60), 'bundle_unknown'],
    ['signed by a stranger', 'x', stranger.jwt(id, ['x'], now + 60), 'jws_signature_invalid'],
    ['changed', 'x', `${head}.${claims}.${tail}`, 'jws_signature_invalid'],
    ['no token', 'x', 'x', 'jws_malformed'],
    ['nothing', 'x', '', 'body_invalid'],
    ['no audience', '', good, 'body_invalid'],
  ] as const
  for (const [name, audience, svid, expected] of table) {
    const { code, message } = await client.call(validateJWTSVID, { audience, svid }, HEADER).ended
    assert.equal(code, STATUS.invalidArgument, name)
    assert.equal(message.split(':')[0], expected, name)
    assert.ok(svid.length < 10 || !message.includes(svid), 'a token has no place in a message')
  }
})

test('who has no identity may not have tokens validated', async t => {
  const { workloads, client, time } = await world(t)
  const svid = workloads.ca.jwt(SpiffeId.parse(ID), ['x'], Math.floor(time.now() / 1000) + 60)
  const { code } = await client.call(validateJWTSVID, { audience: 'x', svid }, HEADER).ended
  assert.equal(code, STATUS.permissionDenied)
})

test('the token of a dead agent is not valid, that of another trust domain is not judged', async t => {
  const dead = new Set<string>()
  const judge = ({ id }: Credential) => (dead.has(id) ? 'agent' : 'alive')
  const { workloads, client, time } = await world(t, { deaths: { deaths: { judge }, template: null } })
  workloads.give('anyone', AGENT)
  const other = workloads.federate('partner.example')
  const exp = Math.floor(time.now() / 1000) + 60
  const foreign = 'spiffe://partner.example/tenant/acme/agent/invoice-bot'
  const ours = workloads.ca.jwt(SpiffeId.parse(ID), ['x'], exp)
  const theirs = other.jwt(SpiffeId.parse(foreign), ['x'], exp)
  assert.equal((await client.call(validateJWTSVID, { audience: 'x', svid: ours }, HEADER).next()).spiffeId, ID)
  for (const id of [ID, foreign]) dead.add(id)
  const { code, message } = await client.call(validateJWTSVID, { audience: 'x', svid: ours }, HEADER).ended
  assert.deepEqual([code, message.split(':')[0]], [STATUS.invalidArgument, 'peer_dead'])
  assert.equal((await client.call(validateJWTSVID, { audience: 'x', svid: theirs }, HEADER).next()).spiffeId, foreign)
})
