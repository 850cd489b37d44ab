import assert from 'node:assert/strict'
import { createHmac, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { test } from 'node:test'
import {
  AUDIENCE,
  base64Url,
  claims,
  craft,
  ISSUER,
  jwkOf,
  KEYS,
  NOW,
  outcome,
  PUBLISHED,
  RS256,
  SOURCE,
  TestNetwork,
  token,
} from './provider.suite.ts'

const NOW_SEC = NOW / 1000
const INVALID = 'external_token_invalid'
const EXPIRED = 'external_token_expired'

const judge = (text: string, source = SOURCE, network = new TestNetwork()) =>
  outcome(network.issuers().verify(text, source))

test('correct tokens of each algorithm are accepted', async () => {
  const made: [string, string, KeyObject][] = [
    ['RS256', 'r', KEYS.rsa],
    ['ES256', 'e', KEYS.p256],
    ['ES384', 'e3', KEYS.p384],
    ['EdDSA', 'd', KEYS.ed25519],
  ]
  for (const [alg, kid, key] of made)
    assert.equal(await judge(craft({ alg, kid }, claims(), key, alg)), 'accepted', alg)
})

const hmac = (header: object, secret: string | Buffer) => {
  const input = `${base64Url(header)}.${base64Url(claims())}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}
const publicRsa = createPublicKey(KEYS.rsa)
const HS256 = { alg: 'HS256', kid: 'r', typ: 'JWT' }
const unsigned = (alg: unknown, signature = '') => `${base64Url({ alg, kid: 'r' })}.${base64Url(claims())}.${signature}`
const es = (header: object, key: KeyObject = KEYS.p256, made = 'ES256') => craft(header, claims(), key, made)

/** Each is refused as invalid. */
const HOSTILE: [why: string, token: string][] = [
  // The algorithm.
  ['none, without a signature', unsigned('none')],
  ['none, with any signature', unsigned('none', 'AAAA')],
  ['none, with the signature of another token', `${unsigned('none')}${token().split('.')[2]}`],
  ['None', unsigned('None')],
  ['nOnE', unsigned('nOnE')],
  ['no algorithm', craft({ kid: 'r' }, claims())],
  ['an array as algorithm', craft({ alg: ['RS256'], kid: 'r' }, claims())],
  ['HS256 by the public key in PEM', hmac(HS256, publicRsa.export({ type: 'spki', format: 'pem' }))],
  ['HS256 by the public key in PEM of PKCS 1', hmac(HS256, publicRsa.export({ type: 'pkcs1', format: 'pem' }))],
  ['HS256 by the public key in DER', hmac(HS256, publicRsa.export({ type: 'spki', format: 'der' }))],
  ['HS256 by the modulus', hmac(HS256, String(jwkOf(KEYS.rsa).n))],
  ['HS256 by the JWK', hmac(HS256, JSON.stringify(PUBLISHED[0]))],
  ['HS256 by the empty secret', hmac(HS256, '')],
  ['an algorithm in lower case', craft({ ...RS256, alg: 'rs256' }, claims())],
  ['an algorithm that the source does not allow', craft({ alg: 'RS384', kid: 'r' }, claims())],
  ['PS256 by a key for RS256 alone', craft({ alg: 'PS256', kid: 'r' }, claims(), KEYS.rsa, 'PS256')],
  ['ES256 by the name of an RSA key', es({ alg: 'ES256', kid: 'r' })],
  ['RS256 by the name of an EC key', craft({ alg: 'RS256', kid: 'e' }, claims())],
  ['ES384 by the name of a P-256 key', es({ alg: 'ES384', kid: 'e' }, KEYS.p384, 'ES384')],
  ['ES512, which we do not know', es({ alg: 'ES512', kid: 'e' }, KEYS.p521, 'ES512')],
  // The header.
  ['crit', token({}, { ...RS256, crit: ['exp'] })],
  ['crit of nothing', token({}, { ...RS256, crit: [] })],
  ['crit of an extension of somebody', token({}, { ...RS256, crit: ['x'], x: true })],
  ['b64', token({}, { ...RS256, b64: false })],
  ['b64 that is critical', token({}, { ...RS256, b64: false, crit: ['b64'] })],
  ['zip', token({}, { ...RS256, zip: 'DEF' })],
  ['a token in a token', craft({ ...RS256, cty: 'JWT' }, token())],
  ['a token in a token that does not say so', craft(RS256, token())],
  ['jwk', craft({ ...RS256, jwk: jwkOf(KEYS.otherRsa) }, claims(), KEYS.otherRsa)],
  ['jwk without kid', craft({ alg: 'RS256', jwk: jwkOf(KEYS.otherRsa) }, claims(), KEYS.otherRsa)],
  ['jku', craft({ ...RS256, jku: 'https://evil.example/keys' }, claims(), KEYS.otherRsa)],
  ['x5u', craft({ ...RS256, x5u: 'https://evil.example/cert' }, claims(), KEYS.otherRsa)],
  ['x5c', craft({ ...RS256, x5c: ['MIIB'] }, claims(), KEYS.otherRsa)],
  ['kid that is a path', token({}, { ...RS256, kid: '../../../../dev/null' })],
  ['kid that is SQL', token({}, { ...RS256, kid: "r' OR '1'='1" })],
  ['kid that is a URL', token({}, { ...RS256, kid: 'https://evil.example/keys#r' })],
  ['kid that every object has', token({}, { ...RS256, kid: '__proto__' })],
  ['kid that every object has, again', token({}, { ...RS256, kid: 'constructor' })],
  ['kid in other letters', token({}, { ...RS256, kid: 'R' })],
  ['kid with a zero at its end', token({}, { ...RS256, kid: 'r\0' })],
  ['kid of nothing', token({}, { ...RS256, kid: '' })],
  ['kid that is a list', token({}, { ...RS256, kid: ['r'] })],
  ['kid that is too long', token({}, { ...RS256, kid: 'r'.repeat(513) })],
  ['an agent token of ours', token({}, { ...RS256, typ: 'lanyard-agent+jwt' })],
  ['a WIT', token({}, { ...RS256, typ: 'wit+jwt' })],
  ['a security event', token({}, { ...RS256, typ: 'secevent+jwt' })],
  ['a proof of possession', token({}, { ...RS256, typ: 'dpop+jwt' })],
  ['a logout token', token({}, { ...RS256, typ: 'logout+jwt' })],
  ['a type that is no text', token({}, { ...RS256, typ: 1 })],
  ['a header with a name twice', craft('{"alg":"RS256","alg":"RS256","kid":"r"}', claims())],
  ['a header that is none', craft('[]', claims())],
  ['a header of 2 KiB', token({}, { ...RS256, x: 'a'.repeat(2048) })],
  ['a deep header', craft(`{"alg":"RS256","kid":"r","x":${'['.repeat(9)}${']'.repeat(9)}}`, claims())],
  // The signature.
  ['no signature', token().replace(/[^.]*$/, '')],
  ['a part of the signature', token().slice(0, -4)],
  ['a signature with more behind', `${token()}AAAA`],
  ['a signature of other claims', swap(token(), token({ sub: 'somebody' }))],
  ['the key of another', craft(RS256, claims(), KEYS.otherRsa)],
  ['the EC key of another', es({ alg: 'ES256', kid: 'e' }, KEYS.otherP256)],
  [
    'an ECDSA signature of zeros',
    `${unsigned('ES256').replace(/^[^.]*/, base64Url({ alg: 'ES256', kid: 'e' }))}${base64Url(Buffer.alloc(64))}`,
  ],
  ['an ECDSA signature in DER', derSignature()],
  // The form.
  ['two parts', token().split('.').slice(0, 2).join('.')],
  ['four parts', `${token()}.AAAA`],
  ['five parts', 'AAAA.AAAA.AAAA.AAAA.AAAA'],
  ['padding', token().replace('.', '=.')],
  ['padding behind the signature', `${token()}=`],
  ['a stray bit behind the signature', strayBit(token())],
  ['a line break behind it', `${token()}\n`],
  ['a line break', token().replace('.', '\n.')],
  ['a space before it', ` ${token()}`],
  ['letters of another base64', token().replace(/[-_]/g, '+')],
  ['JSON serialization', JSON.stringify({ payload: base64Url(claims()), signature: '' })],
  ['nothing', ''],
  ['points', '..'],
  ['more than 16 KiB', token({ x: 'a'.repeat(16_384) })],
  [
    'claims that are deep',
    craft(RS256, JSON.stringify(claims()).replace('{', `{"x":${'['.repeat(20)}${']'.repeat(20)},`)),
  ],
  ['claims with a name twice', craft(RS256, JSON.stringify(claims()).replace('{', '{"sub":"root",'))],
  [
    'claims with a name twice, once escaped',
    craft(RS256, JSON.stringify(claims()).replace('{', '{"s\\u0075b":"root",')),
  ],
  ['claims with a prototype', craft(RS256, JSON.stringify(claims()).replace('{', '{"__proto__":{"admin":true},'))],
  ['claims with half a character', craft(RS256, JSON.stringify(claims()).replace('worker', '\\ud800'))],
  ['claims in Latin 1', craft(RS256, Buffer.from(JSON.stringify(claims({ sub: 'Jörg' })), 'latin1'))],
  ['claims that are an array', craft(RS256, [claims()])],
  ['claims that are no JSON', craft(RS256, 'iss=https://idp.example')],
  // The claims.
  ['no issuer', token({ iss: undefined })],
  ['two issuers', token({ iss: [ISSUER, 'https://evil.example'] })],
  ['another issuer', token({ iss: 'https://evil.example' })],
  ['the issuer with a slash', token({ iss: `${ISSUER}/` })],
  ['the issuer in capitals', token({ iss: 'https://IDP.example' })],
  ['the issuer with its port', token({ iss: 'https://idp.example:443' })],
  ['no audience', token({ aud: undefined })],
  ['an empty list of audiences', token({ aud: [] })],
  ['another audience', token({ aud: 'https://other.example' })],
  ['an audience too many', token({ aud: [AUDIENCE, 'https://other.example'] })],
  ['an audience that only begins like ours', token({ aud: `${AUDIENCE}.evil.example` })],
  ['an audience in an object', token({ aud: { [AUDIENCE]: true } })],
  ['an audience in a list in a list', token({ aud: [[AUDIENCE]] })],
  ['audiences without end', token({ aud: Array.from({ length: 33 }, () => AUDIENCE) })],
  ['no exp', token({ exp: undefined })],
  ['no iat', token({ iat: undefined })],
  ['exp as text', token({ exp: String(NOW_SEC + 300) })],
  ['exp that is null', token({ exp: null })],
  ['exp beyond every calendar', token({ exp: 1e300 })],
  ['exp in milliseconds', token({ exp: NOW + 300_000 })],
  ['iat before time', token({ iat: -1 })],
  ['nbf as text', token({ nbf: 'now' })],
  ['a token that is bound to a key', token({ cnf: { jkt: 'a'.repeat(43) } })],
]

function swap(of: string, signature: string): string {
  return [...of.split('.').slice(0, 2), signature.split('.')[2]].join('.')
}

/** The last character says six bits, of which the octets use two: another one of the same two. */
function strayBit(text: string): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return text.slice(0, -1) + letters[letters.indexOf(text.at(-1)!) + 1]!
}

function derSignature(): string {
  const input = `${base64Url({ alg: 'ES256', kid: 'e' })}.${base64Url(claims())}`
  return `${input}.${sign('sha256', Buffer.from(input), KEYS.p256).toString('base64url')}`
}

for (const [why, text] of HOSTILE)
  test(`refused: ${why}`, async () => {
    const network = new TestNetwork()
    assert.equal(await judge(text, SOURCE, network), INVALID)
    for (const { url } of network.asked) assert.equal(url, SOURCE.jwksUri, 'a token chose whom we ask')
  })

const TIMES: [why: string, claims: object, code: string][] = [
  ['ended 9 s ago', { iat: NOW_SEC - 100, exp: NOW_SEC - 9 }, 'accepted'],
  ['ended 11 s ago', { iat: NOW_SEC - 100, exp: NOW_SEC - 11 }, EXPIRED],
  ['ended 10 s ago', { iat: NOW_SEC - 100, exp: NOW_SEC - 10 }, EXPIRED],
  ['made in 9 s', { iat: NOW_SEC + 9, exp: NOW_SEC + 300 }, 'accepted'],
  ['made in 11 s', { iat: NOW_SEC + 11, exp: NOW_SEC + 300 }, INVALID],
  ['begins in 9 s', { nbf: NOW_SEC + 9 }, 'accepted'],
  ['begins in 11 s', { nbf: NOW_SEC + 11 }, INVALID],
  ['as old as it may be', { iat: NOW_SEC - 3609, exp: NOW_SEC + 300 }, 'accepted'],
  ['older than it may be, although it lives', { iat: NOW_SEC - 3611, exp: NOW_SEC + 300 }, EXPIRED],
  ['made before it was asked for, by fractions', { iat: NOW_SEC - 0.5, exp: NOW_SEC + 0.5 }, 'accepted'],
]

for (const [why, times, code] of TIMES)
  test(`a token that was ${why}: ${code}`, async () => {
    assert.equal(await judge(token(times)), code)
  })

test('a refusal by time says by how much, and what time it is here', async () => {
  const { message, extras } = await new TestNetwork()
    .issuers()
    .verify(token({ exp: NOW_SEC - 60 }), SOURCE)
    .then(
      () => assert.fail('it was accepted'),
      error => error,
    )
  assert.match(message, /60 s ago/)
  assert.deepEqual(extras, { server_time: '2026-06-01T00:00:00Z', skew_sec: 60 })
})

test('several audiences of ours are no audience too many', async () => {
  assert.equal(await judge(token({ aud: [AUDIENCE, 'lanyard', AUDIENCE] })), 'accepted')
})

test('a token that names no key is accepted when exactly one fits', async () => {
  assert.equal(await judge(token({}, { alg: 'RS256' })), 'accepted')
  const network = new TestNetwork()
  const keys = [...PUBLISHED, jwkOf(KEYS.otherRsa, { kid: 'r2' })]
  network.documents.set(SOURCE.jwksUri!, { keys })
  assert.equal(await judge(token({}, { alg: 'RS256' }), SOURCE, network), INVALID)
})

test('a token has one hash, however its signature is written', async () => {
  const text = es({ alg: 'ES256', kid: 'e' })
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const signature = Buffer.from(text.split('.')[2]!, 'base64url')
  const s = order - BigInt(`0x${signature.subarray(32).toString('hex')}`)
  const other = Buffer.concat([signature.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')])
  const twin = `${text.slice(0, text.lastIndexOf('.'))}.${other.toString('base64url')}`
  const issuers = new TestNetwork().issuers()
  const [first, second] = [await issuers.verify(text, SOURCE), await issuers.verify(twin, SOURCE)]
  assert.notEqual(text, twin)
  assert.equal(first.hash, second.hash)
})

test('what was verified says until when it counts: to its end, or to its greatest age', async () => {
  const issuers = new TestNetwork().issuers()
  const verified = await issuers.verify(token(), SOURCE)
  assert.deepEqual([verified.issuedAt, verified.expiresAt], [NOW, NOW + 300_000])
  const long = await issuers.verify(token({ exp: NOW_SEC + 86_400 }), SOURCE)
  assert.equal(long.expiresAt, NOW + 3_600_000)
})

test('iss of a token is told for what is a JWT, and believed in nothing', () => {
  const issuers = new TestNetwork().issuers()
  assert.equal(issuers.issuerIn(token()), ISSUER)
  assert.equal(issuers.issuerIn(swap(token(), token({ sub: 'x' }))), ISSUER)
  for (const text of ['', 'opaque', 'a.b.c', '..', unsigned('none', 'AAAA'), token({ iss: 1 }), 'a'.repeat(20_000)])
    assert.equal(issuers.issuerIn(text), null)
})

test('each step is explained, and no explanation holds the token or a part of it', async () => {
  const heard: string[] = []
  const explain = (step: string, ok: boolean, detail: string) => void heard.push(`${step} ${ok} ${detail}`)
  await new TestNetwork().issuers().verify(token(), SOURCE, explain)
  assert.deepEqual(
    heard.map(line => line.split(' ').slice(0, 2).join(' ')),
    ['read', 'issuer', 'keys', 'signature', 'claims', 'age', 'audience'].map(step => `${step} true`),
  )
  for (const [, text] of HOSTILE) await outcome(new TestNetwork().issuers().verify(text, SOURCE, explain))
  const parts = HOSTILE.flatMap(([, text]) => text.split('.')).filter(part => part.length > 20)
  for (const part of parts) for (const line of heard) assert.ok(!line.includes(part), line)
})
