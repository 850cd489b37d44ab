import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Receipt, signReceipt } from '@lanyard/protocol'
import { lanyard } from '../../testing/fake-io.ts'
import { LanyardRoot } from '../../testing/lanyard-root.ts'

const folder = mkdtempSync(join(tmpdir(), 'lanyard-receipt-'))
// Long ago, so that it shows that nothing is judged by the present.
const AT = Date.parse('2020-01-01T00:00:00Z')
let root: LanyardRoot
let token: string

const receipt: Receipt = {
  trustDomain: 'example.org',
  incident: 'kill-1',
  tenant: 'acme',
  target: { kind: 'agent', value: 'acme/invoice' },
  scope: 'agent',
  reason: 'test \u001b[2J',
  openedBy: 'api-key:1',
  feedId: 'feed-1',
  epoch: 7,
  commit: { sent: AT, acknowledged: AT + 4 },
  closedAt: AT + 10_000,
  points: [
    {
      point: '00000000-0000-4000-8000-000000000001',
      spiffeId: 'spiffe://example.org/tenant/acme/agent/web',
      outcome: 'silent',
      appliedAt: null,
      offsetMs: null,
      uncertaintyMs: null,
      cut: null,
      lastAccept: null,
      failsClosedBy: AT + 9000,
      ack: null,
    },
  ],
  revoked: 1,
  cut: 0,
  lastAccept: null,
  unguardedUntil: AT + 300_000,
}

before(async () => {
  root = await LanyardRoot.make(AT)
  token = await signReceipt(receipt, await root.key('receipt', AT))
  writeFileSync(join(folder, 'root.pem'), root.pem)
  writeFileSync(join(folder, 'other.pem'), (await LanyardRoot.make(AT)).pem)
})
after(() => rmSync(folder, { recursive: true }))

const verify = (stdin: string, ...args: string[]) =>
  lanyard(['receipt', 'verify', '-', '--roots', join(folder, args[0] ?? 'root.pem'), ...args.slice(1)], { stdin })

test('the roots are all that is needed, at any later time', async () => {
  const { exit, out } = await verify(`${token}\n`)
  assert.equal(exit, 0)
  assert.match(
    out,
    /^valid: signed by spiffe:\/\/example\.org\/lanyard\/receipt at 2020-01-01T00:00:10\.000Z, with 0 ack/,
  )
  assert.match(out, /commit +between 2020-01-01T00:00:00\.000Z and 4 ms later, epoch 7 of feed feed-1/)
  assert.match(out, /agent\/web +silent, fails closed by 2020-01-01T00:00:09\.000Z/)
  assert.match(out, /unguarded +services without a guard: until 2020-01-01T00:05:00\.000Z/)
  assert.ok(!out.includes('\u001b'))
  const { valid, receipt: payload } = JSON.parse((await verify(token, 'root.pem', '--json')).out)
  assert.equal(valid, true)
  assert.equal(payload.incident, 'kill-1')
})

test('what cannot be believed is refused by code', async () => {
  const [head, payload, signature] = token.split('.')
  const forged = Buffer.from(payload!, 'base64url').toString().replace('kill-1', 'kill-2')
  const feed = await signReceipt(receipt, await root.key('feed', AT))
  const refusals: readonly (readonly [text: string, code: string, args: readonly string[]])[] = [
    [token, 'chain_untrusted', ['other.pem']],
    [token, 'receipt_invalid', ['root.pem', '--trust-domain', 'example.com']],
    [`${head}.${Buffer.from(forged).toString('base64url')}.${signature}`, 'jws_signature_invalid', []],
    [feed, 'extended_key_usage_forbidden', []],
    ['nonsense', 'jws_malformed', []],
  ]
  for (const [text, code, args] of refusals) {
    const { exit, out } = await verify(text, ...(args.length > 0 ? args : ['root.pem']), '--json')
    assert.equal(exit, 1, code)
    assert.equal(JSON.parse(out).code, code)
  }
})

test('roots that are none are a misuse', async () => {
  writeFileSync(join(folder, 'empty.pem'), '')
  assert.equal((await verify(token, 'empty.pem')).exit, 2)
  assert.equal((await verify(token, 'missing.pem')).exit, 2)
})
