import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ClientAuthority } from '@lanyard/server/testing'
import { Desk, readGuide } from '../support/guide.ts'
import { type LanyardUp, lanyardUp } from '../support/lanyard-up.ts'

let authority: LanyardUp
let desk: Desk

before(async () => {
  authority = await lanyardUp({ flags: ['--trust-domain', 'example.internal'] })
  desk = new Desk(authority)
  const company = ClientAuthority.root()
  const { key, cert } = company.client({ names: { dns: ['planner.acme.example.internal'] } })
  writeFileSync(join(desk.folder, 'acme-agents.pem'), company.pem)
  writeFileSync(join(desk.folder, 'planner-client.pem'), cert)
  writeFileSync(join(desk.folder, 'planner-client.key'), key)
})

after(async () => {
  desk?.remove()
  await authority?.remove()
})

/** What a line of the guide ends with, and what it says, in turn. Lines that are not here end well. */
const EXPECTED: readonly (readonly [line: RegExp, exit: number, says: RegExp])[] = [
  [/^lanyard agent secret create /, 0, /planner\.secret: secret [0-9a-f]{12} of acme\/planner/],
  [/^lanyard agent session .* --out /, 0, /planner\.token: one key of spiffe:/],
  [/^lanyard whoami --svid /, 0, /agent\/planner/],
  [/^lanyard cert request --tenant /, 0, /agent\/planner/],
  [/^lanyard tenant admission set /, 0, /with a client certificate/],
  [/^lanyard agent session .*planner\.secret$/, 1, /error factor_missing/],
  [/^lanyard agent session .*--client-cert .* --out /, 0, /planner\.token: one key of spiffe:/],
  [/^lanyard agent secret rotate /, 0, /planner\.secret: secret [0-9a-f]{12} of acme\/planner/],
  [/^lanyard events .*session\.opened/, 0, /session\.opened ok acme\/planner by agent-secret:[0-9a-f]{12} /],
  [/^lanyard events .*session\.refused/, 0, /session\.refused refused acme\/planner by agent-secret:[0-9a-f]{12} /],
  [/^lanyard agent secret show /, 0, /secret +[0-9a-f]{12}/],
  [/^lanyard kill --minted-by agent-secret:/, 0, /^killed /],
  [/^lanyard agent session .*--client-key planner-client.key$/, 1, /error secret_revoked/],
  [/^lanyard agent secret revoke /, 0, /no secret counted of acme\/planner; sessions ended: [1-9]/],
  [/^lanyard whoami --svid planner/, 1, /error certificate_revoked/],
  [/^lanyard agent secret create /, 0, /planner\.secret/],
  [/^lanyard doctor$/, 0, /ok +agent_secrets_private .*planner\.secret/],
]

test('the guide: every line can be typed, and does what the page says', async () => {
  const { lines } = readGuide('two-factors.md')
  const expected = [...EXPECTED]
  let id = ''
  for (const written of lines) {
    const line = written.replace(/\bID\b/, id)
    const { exit, out, err } = await desk.type(line)
    const [pattern, code, says] = expected[0]?.[0].test(line) ? expected.shift()! : [null, 0, /^/]
    assert.equal(exit, code, `${line} ${pattern}\n${out}${err}`)
    assert.match(out + err, says, line)
    id = /^secret +([0-9a-f]{12})/m.exec(out)?.[1] ?? id
  }
  assert.deepEqual(expected, [])
})

test('the settings ask it of every tenant that says nothing itself', async t => {
  const file = join(desk.folder, 'acme-agents.pem')
  const env = { LANYARD_AGENT_MTLS_REQUIRED: 'true', LANYARD_AGENT_MTLS_CA_FILE: file }
  const strict = await lanyardUp({ flags: ['--trust-domain', 'example.internal'], env })
  t.after(() => strict.remove())
  await strict.call('POST', '/v1/tenants', { tenant: 'acme' })
  await strict.call('POST', '/v1/agents', { tenant: 'acme', agent: 'planner' })
  const { secret } = await strict.call('POST', '/v1/agents/acme/planner/secret')
  writeFileSync(join(desk.folder, 'strict.secret'), secret, { mode: 0o600 })

  const { url, root_sha256 } = strict.ready
  const session = `lanyard agent session acme planner --secret-file strict.secret --url ${url} --root-sha256 ${root_sha256}`
  assert.match((await desk.type(session)).err, /error factor_missing/)
  const both = await desk.type(`${session} --client-cert planner-client.pem --client-key planner-client.key`)
  assert.equal(both.exit, 0, both.err)
  await strict.call('PATCH', '/v1/tenants/acme/admission', { agent_mtls_required: false })
  assert.equal((await desk.type(session)).exit, 0)
})
