import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BodyInput, Reply, Routes } from '@lanyard/api'
import { IdentityError } from '../errors.ts'
import { type CertificateReply, type CertificateRequest, parseReply, problemOf } from './reply.ts'

const REPLY: CertificateReply = {
  certificate: '-----BEGIN CERTIFICATE-----',
  chain: '',
  bundle: '-----BEGIN CERTIFICATE-----',
  spiffe_id: 'spiffe://example.org/tenant/acme/agent/a',
  serial: '0123456789abcdef0123456789abcdef',
  not_before: '2026-11-21T10:00:00Z',
  not_after: '2026-11-21T10:05:00.000Z',
  reputation_tier: 'silver',
  validity_sec: 300,
  renew_after: '2026-11-21T10:02:30.125Z',
}

// The SDK declares these types itself, so that it needs no zod; here they are held against the declaration of the route.
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false
const same = <_ extends true>() => {}
same<Same<CertificateReply, Reply<Routes['issueCert']>>>()
same<Same<keyof CertificateRequest, keyof BodyInput<Routes['issueCert']>>>()
same<CertificateRequest extends BodyInput<Routes['issueCert']> ? true : false>()

test('a reply is read as it is, and more than is known passes', () => {
  assert.deepEqual(parseReply(JSON.stringify(REPLY)), REPLY)
  assert.equal(parseReply(JSON.stringify({ ...REPLY, later: 1 })).serial, REPLY.serial)
})

const BROKEN: readonly (readonly [string, unknown])[] = [
  ['not JSON', 'x'],
  ['null', null],
  ['a list', [REPLY]],
  ['no certificate', { ...REPLY, certificate: undefined }],
  ['an empty bundle', { ...REPLY, bundle: '' }],
  ['a chain that is no text', { ...REPLY, chain: [] }],
  ['a serial in capitals', { ...REPLY, serial: REPLY.serial.toUpperCase() }],
  ['a tier that nobody knows', { ...REPLY, reputation_tier: 'gold ' }],
  ['a tier by way of the prototype', { ...REPLY, reputation_tier: 'constructor' }],
  ['a lifetime of zero', { ...REPLY, validity_sec: 0 }],
  ['a lifetime as text', { ...REPLY, validity_sec: '300' }],
  ['a time without a zone', { ...REPLY, renew_after: '2026-11-21T10:02:30' }],
  ['a time that does not exist', { ...REPLY, not_after: '2026-13-41T10:02:30Z' }],
]

for (const [name, value] of BROKEN)
  test(`refuses ${name}`, () => {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    assert.throws(() => parseReply(text), { name: 'IdentityError', code: 'reply_invalid' })
  })

const answer = (body: unknown, headers: Record<string, string> = {}, status = 403) => ({
  status,
  headers,
  text: typeof body === 'string' ? body : JSON.stringify(body),
})

test('a problem document becomes an error with the code and remedy of the authority', () => {
  const problem = { code: 'lineage_forked', detail: 'two keys', remedy: 'Bootstrap again.', request_id: 'r1' }
  const error = problemOf(answer(problem), 0)
  assert.ok(error instanceof IdentityError)
  const { code, message, remedy, requestId, status } = error
  assert.deepEqual(
    { code, message, remedy, requestId, status },
    { code: 'lineage_forked', message: 'two keys', remedy: 'Bootstrap again.', requestId: 'r1', status: 403 },
  )
})

test('an answer that is no problem document says only its status', () => {
  for (const body of ['<html>', [], { code: 7 }, { code: 'No Code' }, { code: `a${'b'.repeat(64)}` }])
    assert.equal(problemOf(answer(body, {}, 502), 0).code, 'reply_invalid')
})

test('Retry-After is read as seconds and as a date, and else passed over', () => {
  const now = Date.parse('2026-11-21T10:00:00Z')
  const wait = (value: string) =>
    problemOf(answer({ code: 'rate_limited' }, { 'retry-after': value }, 429), now).retryAfter
  assert.equal(wait('7'), 7000)
  assert.equal(wait('Sat, 21 Nov 2026 10:00:30 GMT'), 30_000)
  assert.equal(wait('Sat, 21 Nov 2026 09:00:30 GMT'), 0)
  assert.equal(wait('-1'), null)
  assert.equal(wait('soon'), null)
})
