import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { OutboundError } from '../outbound/ports.ts'
import { readKeySet } from './key-set.ts'
import {
  claims,
  craft,
  DISCOVERY,
  ISSUER,
  JWKS,
  jwkOf,
  KEYS,
  outcome,
  PUBLISHED,
  SOURCE,
  TestNetwork,
  token,
} from './provider.suite.ts'

const DISCOVERED = { ...SOURCE, jwksUri: null }
const MINUTE = 60_000
const away = new OutboundError('unreachable', 'nobody is there')

const living = (network: TestNetwork, header?: object) =>
  token({ iat: network.now / 1000, exp: network.now / 1000 + 300 }, header)
const rotated = (network: TestNetwork) =>
  craft({ alg: 'RS256', kid: 'new' }, claims({ iat: network.now / 1000, exp: network.now / 1000 + 300 }), KEYS.otherRsa)
const rotate = (network: TestNetwork) =>
  network.documents.set(JWKS, { keys: [...PUBLISHED, jwkOf(KEYS.otherRsa, { kid: 'new' })] })

test('keys are read once, however many tokens come at once', async () => {
  const network = new TestNetwork()
  const issuers = network.issuers()
  const opened = Promise.withResolvers<void>()
  network.gate = opened.promise
  const verifying = Array.from({ length: 20 }, () => outcome(issuers.verify(token(), SOURCE)))
  opened.resolve()
  assert.deepEqual(new Set(await Promise.all(verifying)), new Set(['accepted']))
  assert.equal(await outcome(issuers.verify(token(), SOURCE)), 'accepted')
  assert.equal(network.count(), 1)
})

test('a request is capped in size and time', async () => {
  const network = new TestNetwork()
  await network.issuers().verify(token(), SOURCE)
  const { maxBytes, timeoutMs } = network.asked[0]!
  assert.deepEqual([maxBytes, timeoutMs], [65_536, 5000])
})

test('a key that nobody knows is looked for at once, and then not before the cooldown has passed', async () => {
  const network = new TestNetwork()
  const issuers = network.issuers({ cooldown_sec: 30 })
  const judge = (text: string) => outcome(issuers.verify(text, SOURCE))
  await judge(token())
  rotate(network)
  assert.equal(await judge(rotated(network)), 'accepted')
  assert.equal(network.count(), 2)
  for (let at = 0; at < 50; at++) await judge(token({}, { alg: 'RS256', kid: `made up ${at}` }))
  assert.equal(network.count(), 2)
  network.now += 30_000
  assert.equal(await judge(token({}, { alg: 'RS256', kid: 'made up' })), 'external_token_invalid')
  assert.equal(network.count(), 3)
  // What is not there was not lost: tokens of known keys are verified all the while.
  assert.equal(await judge(living(network)), 'accepted')
})

test('a key that does not fit its token is no reason to ask again', async () => {
  const network = new TestNetwork()
  const issuers = network.issuers()
  await issuers.verify(token(), SOURCE)
  await outcome(issuers.verify(craft({ alg: 'RS256', kid: 'e' }, claims()), SOURCE))
  await outcome(issuers.verify(craft({ alg: 'RS256', kid: 'r' }, claims(), KEYS.otherRsa), SOURCE))
  assert.equal(network.count(), 1)
})

test('after five minutes keys are read again in the background: nobody waits', async () => {
  const network = new TestNetwork()
  const issuers = network.issuers()
  await issuers.verify(token(), SOURCE)
  network.now += 6 * MINUTE
  const opened = Promise.withResolvers<void>()
  network.gate = opened.promise
  assert.equal(await outcome(issuers.verify(living(network), SOURCE)), 'accepted')
  assert.equal(network.count(), 2)
  opened.resolve()
})

test('a key that the provider withdrew counts no longer once the set was read again', async () => {
  const network = new TestNetwork()
  const issuers = network.issuers()
  const es256 = (at: TestNetwork) =>
    craft({ alg: 'ES256', kid: 'e' }, claims({ iat: at.now / 1000, exp: at.now / 1000 + 300 }), KEYS.p256, 'ES256')
  assert.equal(await outcome(issuers.verify(es256(network), SOURCE)), 'accepted')
  network.documents.set(JWKS, { keys: PUBLISHED.slice(0, 1) })
  network.now += 11 * MINUTE
  await outcome(issuers.verify(living(network), SOURCE))
  assert.equal(network.count(), 2)
  assert.equal(await outcome(issuers.verify(es256(network), SOURCE)), 'external_token_invalid')
})

// Nobody came for a while: whoever stole the key that was withdrawn must not be the first whom it still lets in.
test('a key that the provider withdrew counts no longer after ten minutes, also when nobody used another meanwhile', async () => {
  for (const minutes of [11, 59]) {
    const network = new TestNetwork()
    const issuers = network.issuers()
    assert.equal(await outcome(issuers.verify(living(network), SOURCE)), 'accepted')
    network.documents.set(JWKS, { keys: PUBLISHED.slice(1) })
    network.now += minutes * MINUTE
    assert.equal(await outcome(issuers.verify(living(network), SOURCE)), 'external_token_invalid')
  }
})

test('a key that the provider withdrew counts no longer once the provider was configured anew', async () => {
  const network = new TestNetwork()
  const issuers = network.issuers()
  const judge = (changedAt: number) => outcome(issuers.verify(living(network), { ...SOURCE, changedAt }))
  assert.equal(await judge(1), 'accepted')
  network.documents.set(JWKS, { keys: PUBLISHED.slice(1) })
  assert.equal(await judge(1), 'accepted')
  assert.equal(network.count(), 1)
  assert.equal(await judge(2), 'external_token_invalid')
  network.documents.set(JWKS, { keys: PUBLISHED })
  network.now += MINUTE
  assert.equal(await judge(3), 'accepted')
  const before = network.count()
  for (const changedAt of [3, 2, 1]) assert.equal(await judge(changedAt), 'accepted')
  assert.equal(network.count(), before)
})

test('tokens wait once for a provider that is away, and then not for each other', async () => {
  const network = new TestNetwork()
  const issuers = network.issuers()
  const judge = () => outcome(issuers.verify(living(network), SOURCE))
  await judge()
  network.documents.set(JWKS, away)
  network.now += 11 * MINUTE
  assert.equal(await judge(), 'accepted')
  const opened = Promise.withResolvers<void>()
  network.gate = opened.promise
  network.now += 10_000
  assert.equal(await judge(), 'accepted')
  assert.equal(network.count(), 3)
  opened.resolve()
})

test('while the provider is away its keys count for a bounded time, and then no longer', async () => {
  const network = new TestNetwork()
  const issuers = network.issuers({ stale_sec: 3600 })
  const judge = () => outcome(issuers.verify(living(network), SOURCE))
  assert.equal(await judge(), 'accepted')
  network.documents.set(JWKS, away)
  network.now += 59 * MINUTE
  assert.equal(await judge(), 'accepted')
  assert.equal(await outcome(issuers.verify(rotated(network), SOURCE)), 'idp_unreachable')
  network.now += 2 * MINUTE
  assert.equal(await judge(), 'idp_unreachable')
  const before = network.count()
  for (let at = 0; at < 20; at++) assert.equal(await judge(), 'idp_unreachable')
  assert.equal(network.count(), before, 'who is away is not asked for each token')
  rotate(network)
  network.now += 5000
  assert.equal(await judge(), 'accepted')
})

test('keys of a provider that may not be stale at all are read again once they are as old as the cooldown', async () => {
  const network = new TestNetwork()
  const issuers = network.issuers({ stale_sec: 0, cooldown_sec: 10 })
  const judge = () => outcome(issuers.verify(living(network), SOURCE))
  assert.equal(await judge(), 'accepted')
  network.documents.set(JWKS, away)
  network.now += 10_000
  assert.equal(await judge(), 'accepted')
  network.now += 1000
  assert.equal(await judge(), 'idp_unreachable')
})

test('a clock that was set back makes keys old, not young', async () => {
  const network = new TestNetwork()
  const issuers = network.issuers()
  await issuers.verify(token(), SOURCE)
  network.documents.set(JWKS, away)
  network.now -= MINUTE
  assert.equal(await outcome(issuers.verify(living(network), SOURCE)), 'idp_unreachable')
})

test('a provider that was never reached is said to be unreachable, and is found when it comes', async () => {
  const network = new TestNetwork()
  network.documents.set(JWKS, away)
  const issuers = network.issuers()
  assert.equal(await outcome(issuers.verify(token(), SOURCE)), 'idp_unreachable')
  rotate(network)
  network.now += 5000
  assert.equal(await outcome(issuers.verify(living(network), SOURCE)), 'accepted')
})

test('the log tells once that a provider is away, and again when it went away again', async () => {
  const network = new TestNetwork()
  const issuers = network.issuers()
  const judge = async () => {
    network.now += 61 * MINUTE
    return await outcome(issuers.verify(living(network), SOURCE))
  }
  network.documents.set(JWKS, away)
  for (let at = 0; at < 5; at++) assert.equal(await judge(), 'idp_unreachable')
  assert.equal(network.warned.length, 1)
  network.documents.set(JWKS, { keys: PUBLISHED })
  assert.equal(await judge(), 'accepted')
  network.documents.set(JWKS, away)
  await judge()
  assert.equal(network.warned.length, 2)
})

test('an address that is forbidden is called so', async () => {
  const network = new TestNetwork()
  network.documents.set(JWKS, new OutboundError('forbidden', 'expected a public address'))
  assert.equal(await outcome(network.issuers().verify(token(), SOURCE)), 'idp_address_forbidden')
})

test('keys are found by discovery', async () => {
  const network = new TestNetwork()
  assert.equal(await outcome(network.issuers().verify(token(), DISCOVERED)), 'accepted')
  assert.deepEqual([network.count(DISCOVERY), network.count(JWKS)], [1, 1])
})

const DOCUMENTS: [why: string, document: object | string][] = [
  ['of another issuer', { issuer: 'https://evil.example', jwks_uri: JWKS }],
  ['of the issuer with a slash', { issuer: `${ISSUER}/`, jwks_uri: JWKS }],
  ['of nobody', { jwks_uri: JWKS }],
  ['of a list', { issuer: [ISSUER], jwks_uri: JWKS }],
  ['without keys', { issuer: ISSUER }],
  ['with keys that are no URL', { issuer: ISSUER, jwks_uri: { href: JWKS } }],
  ['with its issuer twice', `{"issuer":"https://evil.example","issuer":"${ISSUER}","jwks_uri":"${JWKS}"}`],
  ['that is none', '<html>'],
]

for (const [why, document] of DOCUMENTS)
  test(`a discovery document ${why} gives no keys`, async () => {
    const network = new TestNetwork()
    network.documents.set(DISCOVERY, document)
    assert.equal(await outcome(network.issuers().verify(token(), DISCOVERED)), 'idp_unreachable')
    assert.equal(network.count(JWKS), 0)
  })

test('a provider that says it is another one loses its keys at once, not when they are stale', async () => {
  const network = new TestNetwork()
  const issuers = network.issuers()
  await issuers.verify(token(), DISCOVERED)
  network.documents.set(DISCOVERY, { issuer: 'https://sold.example', jwks_uri: JWKS })
  network.now += 11 * MINUTE
  await outcome(issuers.verify(living(network), DISCOVERED))
  assert.equal(network.count(DISCOVERY), 2)
  assert.equal(await outcome(issuers.verify(living(network), DISCOVERED)), 'idp_unreachable')
})

test('two issuers that differ by a slash are two providers', async () => {
  const network = new TestNetwork()
  const issuers = network.issuers()
  assert.equal(await outcome(issuers.verify(token(), DISCOVERED)), 'accepted')
  const other = { ...DISCOVERED, issuer: `${ISSUER}/` }
  assert.equal(await outcome(issuers.verify(token({ iss: `${ISSUER}/` }), other)), 'idp_unreachable')
})

test('a provider of another tenant proves nothing: its key, its issuer, or both are other ones', async () => {
  const network = new TestNetwork()
  const foreign = { ...SOURCE, issuer: 'https://evil.example', jwksUri: 'https://evil.example/keys' }
  network.documents.set(foreign.jwksUri, { keys: [jwkOf(KEYS.otherRsa, { kid: 'r' })] })
  const issuers = network.issuers()
  const theirs = craft({ alg: 'RS256', kid: 'r' }, claims({ iss: foreign.issuer }), KEYS.otherRsa)
  assert.equal(await outcome(issuers.verify(theirs, foreign)), 'accepted')
  assert.equal(await outcome(issuers.verify(theirs, SOURCE)), 'external_token_invalid')
  const inOurName = craft({ alg: 'RS256', kid: 'r' }, claims(), KEYS.otherRsa)
  assert.equal(await outcome(issuers.verify(inOurName, SOURCE)), 'external_token_invalid')
  assert.equal(await outcome(issuers.verify(inOurName, foreign)), 'external_token_invalid')
})

test('a tenant wears out no keys that another one reads, nor the patience with their provider', async () => {
  const network = new TestNetwork()
  const issuers = network.issuers()
  const judge = (owner: string, text: string, jwksUri = JWKS) =>
    outcome(issuers.verify(text, { ...SOURCE, owner, jwksUri }))
  assert.equal(await judge('acme', living(network)), 'accepted')
  const before = network.count()
  for (let at = 0; at < 600; at++) await judge('globex', living(network), `https://globex.example/${at}`)
  assert.equal(await judge('globex', token({}, { alg: 'RS256', kid: 'made up' })), 'external_token_invalid')
  const read = network.count() - before
  assert.equal(await judge('acme', living(network)), 'accepted')
  assert.equal(network.count(), before + read)
  rotate(network)
  assert.equal(await judge('acme', rotated(network)), 'accepted')
})

test('of more than five hundred providers, those asked for longest ago make room', async () => {
  const network = new TestNetwork()
  const issuers = network.issuers()
  const sourceOf = (at: number) => ({ ...SOURCE, jwksUri: `${ISSUER}/${at}` })
  for (let at = 0; at <= 500; at++) {
    network.documents.set(`${ISSUER}/${at}`, { keys: PUBLISHED })
    await issuers.verify(token(), sourceOf(at))
  }
  await issuers.verify(token(), sourceOf(500))
  await issuers.verify(token(), sourceOf(0))
  assert.deepEqual([network.count(`${ISSUER}/500`), network.count(`${ISSUER}/0`)], [1, 2])
})

const privateJwk = { ...KEYS.rsa.export({ format: 'jwk' }), kid: 'r' }
const x25519 = generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' })
const p256 = jwkOf(KEYS.p256)
const rsa = jwkOf(KEYS.rsa)

const UNUSABLE: [why: string, jwk: unknown][] = [
  ['a shared secret', { kty: 'oct', k: 'c2VjcmV0', kid: 'r' }],
  ['a private key', privateJwk],
  ['RSA of 1024 bits', jwkOf(KEYS.small, { kid: 'r' })],
  ['RSA of 8192 bits', { ...rsa, n: Buffer.alloc(1024, 0xff).toString('base64url') }],
  ['RSA of exponent 1', { ...rsa, e: 'AQ' }],
  ['RSA of exponent 3', { ...rsa, e: 'Aw' }],
  ['RSA of an even exponent', { ...rsa, e: 'AQAC' }],
  ['RSA of an exponent as long as its modulus', { ...rsa, e: rsa.n }],
  ['RSA with zeros before its modulus', { ...rsa, n: `AAAA${rsa.n}` }],
  ['P-521', jwkOf(KEYS.p521)],
  ['a point beside its curve', { ...p256, y: p256.x }],
  ['a point of zeros', { ...p256, x: 'A'.repeat(43), y: 'A'.repeat(43) }],
  ['a short coordinate', { ...p256, x: String(p256.x).slice(4) }],
  ['a key for agreement', x25519],
  ['a key for encryption', { ...rsa, use: 'enc' }],
  ['a key for encryption alone', { ...rsa, key_ops: ['encrypt', 'wrapKey'] }],
  ['operations that are no list', { ...rsa, key_ops: 'verify' }],
  ['an algorithm of another kind of key', { ...rsa, alg: 'ES256' }],
  ['a key for HS256', { ...rsa, alg: 'HS256' }],
  ['a key for none', { ...rsa, alg: 'none' }],
  ['a name that is no text', { ...rsa, kid: 1 }],
  ['text', 'key'],
  ['null', null],
]

test('keys that could harm or cannot verify are left out, and their neighbours stay', () => {
  for (const [why, jwk] of UNUSABLE) {
    const kids = readKeySet(JSON.stringify({ keys: [jwk, PUBLISHED[1]] })).map(key => key.kid)
    assert.deepEqual(kids, ['e'], why)
  }
})

test('a set that is none, or is too large, is refused whole', () => {
  const refused = [
    '',
    '[]',
    '{}',
    '{"keys":{}}',
    '{"keys":[],"keys":[]}',
    `{"keys":${'['.repeat(50)}${']'.repeat(50)}}`,
  ]
  for (const text of refused) assert.throws(() => readKeySet(text), { code: 'refused' }, text)
  const many = (count: number) => JSON.stringify({ keys: Array.from({ length: count }, () => PUBLISHED[1]) })
  assert.equal(readKeySet(many(20)).length, 20)
  assert.throws(() => readKeySet(many(21)), { code: 'refused' })
})

test('two keys of one name verify nothing: nobody could say which one was meant', async () => {
  const network = new TestNetwork()
  network.documents.set(JWKS, { keys: [PUBLISHED[0], jwkOf(KEYS.otherRsa, { kid: 'r' })] })
  assert.equal(await outcome(network.issuers().verify(token(), SOURCE)), 'external_token_invalid')
})

test('a set without keys is an answer: everything was withdrawn', async () => {
  const network = new TestNetwork()
  network.documents.set(JWKS, { keys: [] })
  assert.equal(await outcome(network.issuers().verify(token(), SOURCE)), 'external_token_invalid')
})
