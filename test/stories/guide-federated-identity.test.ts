import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Desk, readGuide } from '../support/guide.ts'
import { type LanyardUp, lanyardUp } from '../support/lanyard-up.ts'
import { OidcProvider } from '../support/oidc-provider.ts'

let provider: OidcProvider
let authority: LanyardUp
let desk: Desk

before(async () => {
  provider = await OidcProvider.start({ audience: 'https://id.example.org' })
  const env = { LANYARD_IDP_CA_FILE: provider.caFile, LANYARD_IDP_ALLOW_ADDRESSES: '127.0.0.0/8,::1/128' }
  authority = await lanyardUp({ flags: ['--trust-domain', 'example.internal'], env })
  desk = new Desk(authority)
  for (const name of ['agent', 'next'])
    writeFileSync(join(desk.folder, `${name}.jwt`), await provider.clientToken('build-1'))
})

after(async () => {
  desk?.remove()
  await authority?.remove()
  await provider?.close()
})

/** What a line of the guide ends with, where it is not 0, and what it says. By the words that it begins with. */
const EXPECTED: readonly (readonly [line: RegExp, exit: number, says: RegExp])[] = [
  [/^lanyard idp add /, 0, /for agents +no\n/],
  [/^lanyard idp test /, 1, /✓ signature[\s\S]*✓ agent {2}.*build-1[\s\S]*✖ /],
  [/^lanyard idp update .*federation yes$/, 0, /for agents +yes: the authority mints none for acme/],
  [/^lanyard agent token /, 1, /error federation_required/],
  [/cert request /, 0, /agent\/build-1/],
  [/^lanyard whoami --svid /, 0, /you are +spiffe:\/\/example\.internal\/tenant\/acme\/agent\/build-1/],
  [/^lanyard tenant admission show /, 0, /forbidden[\s\S]*go on: 0\n/],
  [/--provenance internal/, 0, /planner/],
  [/--provenance federated:/, 0, /build-1/],
  [/--type agent\.bootstrapped/, 0, /agent\.bootstrapped ok acme\/build-1 by idp:[0-9a-f]{32} /],
  [/federation\.ended/, 0, /^none/],
  [/idp\.created/, 0, /idp\.created ok acme/],
  [/^lanyard kill /, 0, /^killed all of idp:/],
  [/^lanyard idp exchange acme --token-file next\.jwt$/, 1, /error idp_disabled/],
]

/** The program of the guide, whose token is where this machine has one. */
async function runProgram([code = '']: readonly string[]): Promise<void> {
  const token = join(desk.folder, 'projected.jwt')
  writeFileSync(token, await provider.clientToken('build-2'))
  const program = code.replace('/var/run/secrets/tokens/lanyard', token)
  assert.notEqual(program, code)
  writeFileSync(join(desk.folder, 'agent.ts'), program)
  const { exit, out, err } = await desk.type(`'${process.execPath}' agent.ts`)
  assert.equal(exit, 0, err)
  assert.equal(out, 'I am spiffe://example.internal/tenant/acme/agent/build-2\n')
}

test('the guide: every line can be typed, and does what the page says', async () => {
  const { lines, programs } = readGuide('federated-identity.md')
  const seen = new Set<RegExp>()
  let id = ''
  for (const written of lines) {
    const line = written.replaceAll('https://login.example.com', provider.issuer).replace(/\bID\b/, id)
    const { exit, out, err } = await desk.type(line)
    const [pattern, code, says] = EXPECTED.find(([pattern]) => pattern.test(line)) ?? [null, 0, /^/]
    if (pattern) seen.add(pattern)
    assert.equal(exit, code, `${line}\n${out}${err}`)
    assert.match(out + err, says, line)
    // Both stand in the same step.
    if (/cert request /.test(line)) await runProgram(programs)
    if (line === 'lanyard idp list acme') id = /^([0-9a-f]{32}) /m.exec(out)![1]!
  }
  assert.deepEqual(
    EXPECTED.filter(([pattern]) => !seen.has(pattern)),
    [],
  )
})
