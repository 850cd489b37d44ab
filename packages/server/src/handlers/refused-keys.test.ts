import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { buildCsr, encodePem, SIGNATURE_ALGORITHMS } from '@lanyard/protocol'
import { generateKeyNow, nodeSigner, spkiOf } from '@lanyard/protocol/node'
import { type HttpHarness, openHttp } from '../testing/http.ts'

// Keys that get nothing: those of requests for certificates, and API keys that ask for more than their creator has.

let server: HttpHarness
before(async () => {
  server = await openHttp()
  await server.agent(AGENT)
  await server.agent(OTHER)
})
after(() => server.close())

const AGENT = { tenant: 'acme', agent: 'ci-build' }
const OTHER = { tenant: 'acme', agent: 'web' }

/** An RSA key of this size and exponent that nobody can sign with. */
function rsaSpki(bits: number, exponent: bigint): Uint8Array {
  const n = randomBytes(bits / 8)
  n[0]! |= 0x80
  n[n.length - 1]! |= 1
  const digits = exponent.toString(16)
  const e = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex')
  const key = { kty: 'RSA', n: n.toString('base64url'), e: e.toString('base64url') }
  return new Uint8Array(createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'der' }))
}

/** A request for this key with a signature that holds nothing: who judges the key first never looks at it. */
const requestFor = (spki: Uint8Array) =>
  buildCsr({ algorithm: SIGNATURE_ALGORITHMS['RSA-SHA256'], spki, sign: () => new Uint8Array(256).fill(1) })

/** The same request, but said to be signed with SHA-1 (1.2.840.113549.1.1.5). */
async function signedWithSha1(): Promise<Uint8Array> {
  const csr = Buffer.from(await buildCsr(nodeSigner(generateKeyPairSync('rsa', RSA_2048).privateKey)))
  const sha256WithRsa = Buffer.from('2a864886f70d01010b', 'hex')
  csr[csr.indexOf(sha256WithRsa) + 8] = 5
  return new Uint8Array(csr)
}

const RSA_2048 = { modulusLength: 2048 }

const KEYS: readonly (readonly [why: string, code: string, csr: () => Uint8Array | Promise<Uint8Array>])[] = [
  ['RSA of 2040 bits', 'key_too_small', () => requestFor(rsaSpki(2040, 65_537n))],
  ['RSA of 4104 bits', 'key_too_large', () => requestFor(rsaSpki(4104, 65_537n))],
  ['RSA with exponent 3', 'key_exponent_forbidden', () => requestFor(rsaSpki(2048, 3n))],
  ['RSA with an even exponent', 'key_exponent_forbidden', () => requestFor(rsaSpki(2048, 65_538n))],
  ['RSA with an exponent of 33 bits', 'key_exponent_forbidden', () => requestFor(rsaSpki(2048, 2n ** 32n + 1n))],
  [
    'RSA for PSS alone',
    'key_type_forbidden',
    () => requestFor(spkiOf(generateKeyPairSync('rsa-pss', RSA_2048).privateKey)),
  ],
  ['P-521', 'key_type_forbidden', () => buildCsr(nodeSigner(generateKeyNow('P-521')))],
  ['a signature with SHA-1', 'signature_algorithm_forbidden', signedWithSha1],
]
describe('keys of requests, where the tenant takes modern ones', () => {
  for (const [why, code, make] of KEYS)
    test(`${why}: ${code}`, async () => {
      const csr = encodePem('CERTIFICATE REQUEST', await make())
      const { status, body } = await server.call('POST /v1/agent/auth/cert', {
        token: await server.token(AGENT),
        body: { csr },
      })
      assert.deepEqual([status, body.code], [400, code])
    })
})

describe('API keys', () => {
  const make = (token: string, body: object) =>
    server.call('POST /v1/api-keys', { token, body: { name: 'x', role: 'issuer', ...body } })

  test('end after 90 days where nothing is said', async () => {
    const { body } = await make(await server.apiKey('admin'), {})
    assert.equal(Date.parse(body.expires_at) - Date.parse(body.created_at), 90 * 86_400_000)
  })

  test('cover no agent that their creator does not cover', async () => {
    const token = await server.apiKey('admin', { tenant: 'acme', agents: 'ci-*' })
    for (const agents of ['*', 'c*', 'web', 'ci', '*ci-*', 'di-*']) {
      const { status, body } = await make(token, { agents })
      assert.deepEqual([status, body.code], [403, 'role_too_wide'], agents)
    }
    for (const agents of ['ci-*', 'ci-build', 'ci-*-nightly', undefined]) {
      const { status, body } = await make(token, { agents })
      assert.deepEqual([status, body.agents, body.tenant], [201, agents ?? 'ci-*', 'acme'])
    }
    const { body } = await make(token, {})
    const bootstrap = (key: object) => server.call('POST /v1/agent/bootstrap', { token: body.key, body: key })
    assert.equal((await bootstrap(AGENT)).status, 200)
    assert.equal((await bootstrap(OTHER)).body.code, 'agent_not_covered')
  })
})

test('the bundle is plain JSON, as the standard for its endpoint has it', async () => {
  const { status, headers } = await server.call('GET /v1/bundle')
  assert.deepEqual([status, headers['content-type']], [200, 'application/json'])
})
