import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { redact } from './redact.ts'

const SECRET = 'c0ffee5ecretc0ffee5ecret'
const JWT = `eyJhbGciOiJFUzI1NiJ9.${SECRET}.${SECRET}`
const PEM = (label: string, head = '') =>
  `-----BEGIN ${label}-----\n${head}${SECRET}\n${SECRET}\n-----END ${label}-----`

test('nothing secret is left, by its form', () => {
  for (const text of [
    JWT,
    `seen: ${JWT}, twice`,
    `Authorization: Bearer ${SECRET}`,
    `authorization: basic ${SECRET}==`,
    `DPoP ${SECRET}`,
    PEM('PRIVATE KEY'),
    PEM('RSA PRIVATE KEY', 'Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n'),
    PEM('OPENSSH PRIVATE KEY'),
    `-----BEGIN EC PRIVATE KEY-----\n${SECRET}`,
    `before ${PEM('PRIVATE KEY')} between ${PEM('EC PRIVATE KEY')} after`,
    `lanyard_0123456789ab_${SECRET.repeat(2)}`,
    `key=lanyard_0123456789ab_${SECRET.repeat(2)}`,
    `ghp_${SECRET}`,
    `sk-${SECRET}`,
    `password=${SECRET} user=x`,
    `{"password": "${SECRET}"}`,
    `{\\"password\\": \\"${SECRET}\\"}`,
    `https://user:${SECRET}@example.org/`,
  ]) {
    const kept = JSON.stringify(redact({ note: text, nested: [{ deeper: text }] }))
    assert.ok(!kept.includes(SECRET), `${text}\n→ ${kept}`)
    assert.match(kept, /\[redacted: /)
  }
})

test('nothing secret is left, by its name', () => {
  for (const name of [
    ...['password', 'Password', 'db_password', 'dbPassword', 'PASSWD', 'secret', 'client-secret', 'tokens'],
    ...['access_token', 'accessToken', 'apiKey', 'api_key', 'X-Api-Key', 'private_key', 'authorization', 'set-cookie'],
    ...['credentials', 'passphrase', 'pin'],
  ]) {
    for (const held of [SECRET, 4711, [SECRET], { deeper: SECRET }]) {
      assert.deepEqual(redact({ [name]: held }), { [name]: '[redacted: named like a secret]' }, name)
    }
  }
})

test('what helps to investigate stays', () => {
  const evidence = {
    rule: 'egress-volume',
    token_count: 17,
    key_thumbprint: 'q'.repeat(43),
    serial: '0'.repeat(32),
    has_token: true,
    nothing: null,
    message: 'agent called https://example.org/a?b=c 300 times',
    certificate: PEM('CERTIFICATE').replaceAll(SECRET, 'MIIB'),
    list: [1, 'two', { three: 3.5 }],
  }
  const { has_token, ...rest } = redact(evidence) as typeof evidence
  const { has_token: before, ...others } = evidence
  assert.deepEqual(rest, others)
  assert.equal(has_token, before)
})

test('sizes and depths are capped', () => {
  let deep: unknown = SECRET
  for (let level = 0; level < 100; level++) deep = { deep }
  assert.ok(!JSON.stringify(redact(deep)).includes(SECRET))
  const long = redact({ long: 'x y '.repeat(10_000) }) as { long: string }
  assert.ok(long.long.length < 10_000)
})

test('it is linear in what came, whatever came', () => {
  for (const part of [
    'eyJ',
    'eyJa-',
    'a.',
    'password=',
    'bearer  ',
    '://',
    '-----BEGIN ',
    '-----BEGIN PRIVATE KEY-----',
    'x-',
  ])
    redact({ text: part.repeat(Math.ceil(32_768 / part.length)), list: Array(1000).fill(part) })
})

test('whatever comes, it gives JSON of the same shape, and nothing of a prototype', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), value => {
      const kept = redact(value)
      assert.equal(Array.isArray(kept), Array.isArray(value))
      JSON.stringify(kept)
    }),
  )
  const hostile = redact(JSON.parse('{"__proto__": {"polluted": true}}')) as object
  assert.equal(Object.getPrototypeOf(hostile), Object.prototype)
  assert.ok(Object.hasOwn(hostile, '__proto__'))
})
