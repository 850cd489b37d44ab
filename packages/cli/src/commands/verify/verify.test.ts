import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { lanyard } from '../../testing/fake-io.ts'
import { TestCa } from '../../testing/test-ca.ts'

const folder = mkdtempSync(join(tmpdir(), 'lanyard-verify-'))
after(() => rmSync(folder, { recursive: true }))

function put(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

const ca = new TestCa()
const stranger = new TestCa('Stranger')
const AGENT = 'spiffe://example.org/tenant/acme/agent/planner'
const START = Date.parse('2026-01-01T00:00:00Z') / 1000

const web = ca.leaf({ names: { dns: ['www.example.org'], ip: [Uint8Array.of(10, 0, 0, 1)] } })
const svid = ca.leaf({ names: { uri: [AGENT] } })
const client = ca.leaf({ names: { dns: ['www.example.org'] }, purposes: ['clientAuth'] })
const old = ca.leaf({ names: { dns: ['www.example.org'] }, notBefore: START, notAfter: START + 299 })

put('roots.pem', ca.rootPem)
put('stranger.pem', stranger.rootPem)
put('roots.der', ca.root.der)
put('issuer.pem', ca.intermediatePem)
put('issuer.der', ca.intermediate.der)
put('web.pem', web.pem)
put('web.der', web.der)
put('web-chain.pem', `# the web server\n${web.pem}${ca.intermediatePem}`)
put('svid.pem', svid.pem + ca.intermediatePem)
put('client.pem', client.pem + ca.intermediatePem)
put('old.pem', old.pem + ca.intermediatePem)
put('nonsense.pem', 'nonsense')
put('empty.pem', '')
put('broken.pem', web.pem.replace('MII', 'MIJ'))
put('key.pem', web.key)
put('roots-and-nonsense.pem', `${stranger.rootPem}-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n`)
put('good-and-nonsense.pem', `-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n${ca.rootPem}`)

const ROWS: readonly (readonly [args: string, code: string | null])[] = [
  ['web-chain.pem --roots roots.pem', null],
  ['web-chain.pem --roots roots.der', null],
  ['web.pem --roots roots.pem --untrusted issuer.pem', null],
  ['web.der --roots roots.pem --untrusted issuer.der', null],
  ['web-chain.pem --roots roots.pem --dns www.example.org', null],
  ['web-chain.pem --roots roots.pem --dns WWW.EXAMPLE.ORG', null],
  ['web-chain.pem --roots roots.pem --dns example.org', 'name_mismatch'],
  ['web-chain.pem --roots roots.pem --dns 10.0.0.1', 'reference_name_invalid'],
  ['web-chain.pem --roots roots.pem --ip 10.0.0.1', null],
  ['web-chain.pem --roots roots.pem --ip 10.0.0.2', 'name_mismatch'],
  ['web-chain.pem --roots roots.pem --max-depth 1', null],
  ['web-chain.pem --roots roots.pem --max-depth 0', 'chain_too_deep'],
  ['web-chain.pem --roots stranger.pem', 'chain_untrusted'],
  ['web-chain.pem --roots good-and-nonsense.pem', null],
  ['web-chain.pem --roots roots-and-nonsense.pem', 'der_truncated'],
  ['web-chain.pem --roots nonsense.pem', 'der_tag_unexpected'],
  ['web-chain.pem --roots empty.pem', 'chain_untrusted'],
  ['web-chain.pem --roots roots.pem --untrusted empty.pem', null],
  ['web-chain.pem --roots key.pem', 'pem_label_unexpected'],
  ['web.pem --roots roots.pem', 'chain_untrusted'],
  ['web.pem --roots roots.pem --untrusted nonsense.pem', 'der_tag_unexpected'],
  ['client.pem --roots roots.pem', null],
  ['client.pem --roots roots.pem --purpose clientAuth', null],
  ['client.pem --roots roots.pem --purpose serverAuth', 'extended_key_usage_forbidden'],
  ['client.pem --roots roots.pem --dns www.example.org', 'extended_key_usage_forbidden'],
  ['client.pem --roots roots.pem --dns www.example.org --purpose any', null],
  ['old.pem --roots roots.pem --at 2026-01-01T00:00:00Z', null],
  ['old.pem --roots roots.pem --at 2025-12-31T23:59:59Z', 'certificate_not_yet_valid'],
  ['old.pem --roots roots.pem --at 2026-01-01T00:04:59Z', null],
  ['old.pem --roots roots.pem --at 2026-01-01T00:05:00Z', 'certificate_expired'],
  ['old.pem --roots roots.pem', 'certificate_expired'],
  ['svid.pem --roots roots.pem --spiffe', null],
  ['svid.pem --roots roots.pem --spiffe --max-depth 1', null],
  ['svid.pem --roots roots.pem --spiffe --max-depth 0', 'chain_too_deep'],
  ['svid.pem --roots stranger.pem --spiffe', 'chain_untrusted'],
  ['web-chain.pem --roots roots.pem --spiffe', 'svid_uri_missing'],
  ['nonsense.pem --roots roots.pem', 'der_tag_unexpected'],
  ['empty.pem --roots roots.pem', 'der_truncated'],
  ['broken.pem --roots roots.pem', 'der_truncated'],
  ['key.pem --roots roots.pem', 'pem_label_unexpected'],
]

const inFolder = (args: string) => args.split(' ').map(word => (/\.(pem|der)$/.test(word) ? join(folder, word) : word))

for (const [args, code] of ROWS)
  test(`lanyard verify ${args}: ${code ?? 'valid'}`, async () => {
    const { exit, out, err } = await lanyard(['verify', ...inFolder(args), '--json'])
    const verdict = JSON.parse(out)
    assert.equal(verdict.code, code, verdict.detail)
    assert.equal(verdict.valid, code === null)
    assert.equal(exit, code === null ? 0 : 1)
    assert.equal(err, '')
    assert.deepEqual(Object.keys(verdict).slice(0, 3), ['valid', 'code', 'detail'])
    assert.equal(verdict.path.length, code === null ? 3 : 0)
  })

const MISUSE = [
  'none.pem --roots roots.pem',
  'web.pem --roots none.pem',
  'web.pem --roots roots.pem --untrusted none.pem',
  'web.pem',
  'web.pem --roots roots.pem --ip 10.0.0',
  'web.pem --roots roots.pem --ip www.example.org',
  'web.pem --roots roots.pem --dns a.example --ip 10.0.0.1',
  'web.pem --roots roots.pem --at yesterday',
  'web.pem --roots roots.pem --at 2026-01-01',
  'web.pem --roots roots.pem --at 1767225600',
  'web.pem --roots roots.pem --max-depth -1',
  'web.pem --roots roots.pem --purpose email',
]

for (const args of MISUSE)
  test(`misuse: lanyard verify ${args}`, async () => {
    const { exit, out } = await lanyard(['verify', ...inFolder(args), '--json'])
    assert.equal(exit, 2)
    assert.equal(JSON.parse(out).code, 'usage_invalid')
  })

test('for people: the path, or the reason with what to do', async () => {
  const good = await lanyard(['verify', ...inFolder('svid.pem --roots roots.pem --spiffe')])
  assert.match(good.out, new RegExp(`^valid until .*\n  ${AGENT}\n    CN=Test issuer\n      CN=Test root\n$`))
  const bad = await lanyard(['verify', ...inFolder('web-chain.pem --roots stranger.pem')])
  assert.match(bad.out, /^not valid chain_untrusted: /)
  assert.match(bad.out, /\n {2}do /)
})

test('the certificate may come from standard input', async () => {
  const args = ['verify', '-', '--roots', join(folder, 'roots.pem')]
  assert.equal((await lanyard(args, { stdin: web.pem + ca.intermediatePem })).exit, 0)
  assert.equal((await lanyard(args, { stdin: old.pem })).exit, 1)
})

test('a time in another zone is the same time', async () => {
  const exitAt = async (at: string) =>
    (await lanyard(['verify', ...inFolder('old.pem --roots roots.pem'), '--at', at])).exit
  assert.equal(await exitAt('2026-01-01T02:04:59+02:00'), 0)
  assert.equal(await exitAt('2026-01-01T02:05:00+02:00'), 1)
  assert.equal(await exitAt('2025-12-31t16:04:59.999-08:00'), 0)
})
