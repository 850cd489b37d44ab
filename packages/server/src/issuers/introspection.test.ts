import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OutboundError } from '../outbound/ports.ts'
import { NOW, outcome, TestNetwork } from './provider.suite.ts'

const ASKED = { url: 'https://as.example/introspect', clientId: 'lanyard', clientSecret: 's3cret' }
const NOW_SEC = NOW / 1000
const ACTIVE = { active: true, sub: 'ada', iss: 'https://as.example', exp: NOW_SEC + 300, token_type: 'Bearer' }

function networkWith(document: object | string | OutboundError): TestNetwork {
  const network = new TestNetwork()
  network.documents.set(ASKED.url, document)
  return network
}

test('an active token is known by what its server says of it, for half a minute', async () => {
  const network = networkWith({ ...ACTIVE, iat: NOW_SEC - 5 })
  const issuers = network.issuers()
  const { claims, issuedAt, expiresAt, saidToEndAt, hash } = await issuers.introspect('opaque', ASKED)
  assert.equal(claims.sub, 'ada')
  assert.deepEqual([issuedAt, expiresAt, saidToEndAt], [NOW - 5000, NOW + 30_000, NOW + 300_000])
  assert.match(hash, /^[0-9a-f]{64}$/)
})

test('the question is a form, with the client’s credential in the encoding of forms', async () => {
  const network = networkWith(ACTIVE)
  await network.issuers().introspect('opaque', { ...ASKED, clientId: 'a:b c', clientSecret: 'ü%' })
  const [{ form, authorization }] = network.asked as [(typeof network.asked)[0]]
  assert.deepEqual(form, { token: 'opaque', token_type_hint: 'access_token' })
  assert.equal(Buffer.from(authorization!.slice(6), 'base64').toString(), 'a%3Ab+c:%C3%BC%25')
})

test('a client without a secret says its name in the form', async () => {
  const network = networkWith(ACTIVE)
  await network.issuers().introspect('opaque', { ...ASKED, clientSecret: null })
  assert.deepEqual(network.asked[0]!.form, { token: 'opaque', token_type_hint: 'access_token', client_id: 'lanyard' })
  assert.equal(network.asked[0]!.authorization, undefined)
})

const INACTIVE: [why: string, said: object][] = [
  ['inactive', { active: false }],
  ['nothing about its life', { sub: 'ada' }],
  ['active as text', { ...ACTIVE, active: 'true' }],
  ['active as a number', { ...ACTIVE, active: 1 }],
  ['an end that has passed', { ...ACTIVE, exp: NOW_SEC }],
]

for (const [why, said] of INACTIVE)
  test(`a token of which is said: ${why}, is nobody’s`, async () => {
    assert.equal(await outcome(networkWith(said).issuers().introspect('opaque', ASKED)), 'unauthenticated')
  })

// Known to its server, so that no other may be asked about it, and yet nobody's here.
const UNUSABLE: [why: string, said: object][] = [
  ['a beginning to come', { ...ACTIVE, nbf: NOW_SEC + 11 }],
  ['bound to a key', { ...ACTIVE, cnf: { jkt: 'a'.repeat(43) } }],
  ['a token for DPoP', { ...ACTIVE, token_type: 'DPoP' }],
  ['a type that is no text', { ...ACTIVE, token_type: ['Bearer'] }],
]

for (const [why, said] of UNUSABLE)
  test(`a token of which is said: ${why}, counts for nobody`, async () => {
    assert.equal(await outcome(networkWith(said).issuers().introspect('opaque', ASKED)), 'external_token_invalid')
  })

const FAILURES: [why: string, said: object | string | OutboundError][] = [
  ['nobody is there', new OutboundError('unreachable', 'nobody is there')],
  ['its address is forbidden', new OutboundError('forbidden', 'expected a public address')],
  ['it refuses us', new OutboundError('refused', 'expected status 200, got 401')],
  ['it says no JSON', 'active'],
  ['it says a list', '[{"active":true}]'],
  ['it says it twice', '{"active":false,"active":true}'],
  ['an end that is no time', { ...ACTIVE, exp: 'tomorrow' }],
  ['an end beyond every calendar', { ...ACTIVE, exp: 1e300 }],
]

for (const [why, said] of FAILURES)
  test(`introspection fails when ${why}`, async () => {
    assert.equal(await outcome(networkWith(said).issuers().introspect('opaque', ASKED)), 'introspection_failed')
  })

test('an answer is believed for thirty seconds, and no longer than the token lives', async () => {
  const network = networkWith({ ...ACTIVE, exp: NOW_SEC + 20 })
  const issuers = network.issuers()
  const judge = () => outcome(issuers.introspect('opaque', ASKED))
  assert.equal(await judge(), 'accepted')
  network.now += 19_000
  assert.equal(await judge(), 'accepted')
  assert.equal(network.count(ASKED.url), 1)
  network.now += 1000
  assert.equal(await judge(), 'unauthenticated')
  network.documents.set(ASKED.url, ACTIVE)
  network.now += 30_000
  assert.equal(await judge(), 'accepted')
  network.documents.set(ASKED.url, { active: false })
  network.now += 30_000
  assert.equal(await judge(), 'unauthenticated')
})

test('a failure is not remembered, and a clock that was set back makes no answer last', async () => {
  const network = networkWith(new OutboundError('unreachable', 'nobody is there'))
  const issuers = network.issuers()
  const judge = () => outcome(issuers.introspect('opaque', ASKED))
  assert.equal(await judge(), 'introspection_failed')
  network.documents.set(ASKED.url, ACTIVE)
  assert.equal(await judge(), 'accepted')
  network.documents.set(ASKED.url, { active: false })
  network.now -= 3_600_000
  assert.equal(await judge(), 'unauthenticated')
})

test('an answer of one server is none of another, nor for another client of it', async () => {
  const network = networkWith(ACTIVE)
  const issuers = network.issuers()
  await issuers.introspect('opaque', ASKED)
  network.documents.set(ASKED.url, { active: false })
  network.documents.set('https://other.example/introspect', { active: false })
  const elsewhere = { ...ASKED, url: 'https://other.example/introspect' }
  assert.equal(await outcome(issuers.introspect('opaque', elsewhere)), 'unauthenticated')
  assert.equal(await outcome(issuers.introspect('opaque', { ...ASKED, clientId: 'other' })), 'unauthenticated')
  assert.equal(await outcome(issuers.introspect('opaque', { ...ASKED, clientSecret: 'guessed' })), 'unauthenticated')
  assert.equal(await outcome(issuers.introspect('Opaque', ASKED)), 'unauthenticated')
})

test('one token is asked about once, however many calls come with it at once', async () => {
  const network = networkWith(ACTIVE)
  const issuers = network.issuers()
  const opened = Promise.withResolvers<void>()
  network.gate = opened.promise
  const asking = Array.from({ length: 100 }, () => outcome(issuers.introspect('opaque', ASKED)))
  opened.resolve()
  assert.deepEqual(new Set(await Promise.all(asking)), new Set(['accepted']))
  assert.equal(network.count(ASKED.url), 1)
})

test('made-up tokens cannot send us at a server without end, nor push out what it said of others', async () => {
  const network = networkWith(ACTIVE)
  const issuers = network.issuers()
  await issuers.introspect('opaque', ASKED)
  network.documents.set(ASKED.url, { active: false })
  const opened = Promise.withResolvers<void>()
  network.gate = opened.promise
  const asking = Array.from({ length: 100 }, (_, at) => outcome(issuers.introspect(`made-up-${at}`, ASKED)))
  const elsewhere = { ...ASKED, url: 'https://other.example/introspect' }
  network.documents.set(elsewhere.url, ACTIVE)
  const other = outcome(issuers.introspect('opaque', elsewhere))
  opened.resolve()
  assert.equal(await other, 'accepted', 'a server that is flooded holds up nobody else’s')
  const outcomes = await Promise.all(asking)
  assert.equal(network.count(ASKED.url), 65)
  assert.equal(outcomes.filter(code => code === 'introspection_failed').length, 36)
  for (let at = 0; at < 5100; at++) await outcome(issuers.introspect(`more-${at}`, ASKED))
  assert.equal(await outcome(issuers.introspect('opaque', ASKED)), 'accepted')
})

test('made-up tokens lock out nobody who was let in before', async () => {
  const network = networkWith(ACTIVE)
  const issuers = network.issuers()
  await issuers.introspect('opaque', ASKED)
  network.now += 31_000
  const opened = Promise.withResolvers<void>()
  network.gate = opened.promise
  const flood = Array.from({ length: 100 }, (_, at) => outcome(issuers.introspect(`made-up-${at}`, ASKED)))
  const known = outcome(issuers.introspect('opaque', ASKED))
  opened.resolve()
  assert.equal(await known, 'accepted')
  assert.equal((await Promise.all(flood)).filter(code => code === 'introspection_failed').length, 36)
})

test('long answers are not remembered without end', async () => {
  const network = networkWith({ ...ACTIVE, pad: 'x'.repeat(60_000) })
  const issuers = network.issuers()
  for (let at = 0; at < 80; at++) await issuers.introspect(`long-${at}`, ASKED)
  await issuers.introspect('long-79', ASKED)
  assert.equal(network.count(ASKED.url), 80, 'the newest is')
  await issuers.introspect('long-0', ASKED)
  assert.equal(network.count(ASKED.url), 81, 'the oldest made room')
})

test('what can be no bearer token is shown to nobody', async () => {
  const network = networkWith(ACTIVE)
  const issuers = network.issuers()
  for (const text of ['', 'a b', 'a\r\nb', 'a"b', 'ü', '=a', 'a'.repeat(16_385)])
    assert.equal(await outcome(issuers.introspect(text, ASKED)), 'unauthenticated')
  assert.equal(network.asked.length, 0)
})
