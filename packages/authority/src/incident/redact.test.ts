import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
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
    `lanyard-secret_0123456789ab_${SECRET.repeat(2)}_01234567`,
    `seen in xlanyard-secret_0123456789ab_${SECRET}`,
    `Authorization: Lanyard-Secret ${SECRET}`,
    `agent-secret:${SECRET}`,
    `ghp_${SECRET}`,
    `sk-${SECRET}`,
    `password=${SECRET} user=x`,
    `{"password": "${SECRET}"}`,
    `{\\"password\\": \\"${SECRET}\\"}`,
    `https://user:${SECRET}@example.org/`,
    `DB_PASS=${SECRET}`,
    `export MYSQL_PWD="x ${SECRET}"`,
    `{"k":[{"client_secret":"x ${SECRET}"}]}`,
    `{\\"clientSecret\\": \\"x ${SECRET}\\"}`,
    `secret='x ${SECRET}'`,
    `password:\n  ${SECRET}`,
    `note: seen: password = ${SECRET}`,
    `https://example.org/?page=1&access_token=${SECRET}`,
    `https://example.org/?sig=${SECRET}`,
    `{"kty":"EC","d":"${SECRET}"}`,
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
    ...['credentials', 'passphrase', 'pin', 'pass_word', 'pw', 'secretValue', 'my-token-value', 'userPassword1'],
    ...['private_key_pem', 'keyMaterial', 'sessionToken2', 'csrf', 'mnemonic', 'encryption_key_base64'],
  ]) {
    for (const held of [SECRET, 4711, [SECRET], { deeper: SECRET }]) {
      assert.deepEqual(redact({ [name]: held }), { [name]: '[redacted: named like a secret]' }, name)
    }
  }
})

test('a private key is known without its armour, and in the members of a JWK', () => {
  const options = {
    privateKeyEncoding: { format: 'der', type: 'pkcs8' },
    publicKeyEncoding: { format: 'der', type: 'spki' },
  } as const
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256', ...options })
  const ed = generateKeyPairSync('ed25519', options)
  for (const { privateKey, publicKey } of [ec, ed]) {
    const [secret, known] = [privateKey.toString('base64'), publicKey.toString('base64')]
    assert.equal(redact(`key ${secret} seen`), 'key [redacted: private key] seen')
    assert.equal(redact(known), known)
  }
  assert.deepEqual(redact({ kty: 'OKP', x: 'public', d: SECRET }), {
    kty: 'OKP',
    x: 'public',
    d: '[redacted: private key]',
  })
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
    counts: 'token_count=17 status: 200, key_thumbprint=abc; rule: egress, author: bob, at 12:30:07',
    certificate: PEM('CERTIFICATE').replaceAll(SECRET, 'MIIB'),
    minted: 'by agent-secret:0123456789ab, it says',
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
    ...['a=', 'aa"=', "a='", 'a \n', ' = ', 'secret:"\\', 'M', 'MIIA', 'MIGHAgEA'],
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
