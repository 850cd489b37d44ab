import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Desk, readGuide } from '../support/guide.ts'
import { type LanyardUp, lanyardUp } from '../support/lanyard-up.ts'
import { OidcProvider } from '../support/oidc-provider.ts'

let provider: OidcProvider
let authority: LanyardUp
let desk: Desk

before(async () => {
  const users = { ada: { name: 'Ada', groups: ['dev'] } }
  // Shorter than what a session still sends: each command refreshes it.
  provider = await OidcProvider.start({ audience: 'https://admin.example.org', users, tokenSec: 25 })
  const env = { LANYARD_IDP_CA_FILE: provider.caFile, LANYARD_IDP_ALLOW_ADDRESSES: '127.0.0.0/8,::1/128' }
  authority = await lanyardUp({ flags: ['--trust-domain', 'example.internal'], env })
  await authority.call('POST', '/v1/tenants', { tenant: 'acme' })
  for (const agent of ['planner', 'deployer']) await authority.call('POST', '/v1/agents', { tenant: 'acme', agent })
  desk = new Desk(authority)
})

after(async () => {
  desk?.remove()
  await authority?.remove()
  await provider?.close()
})

/** What a line of the guide ends with, where it is not 0, and what it says. By the words that it begins with. */
const EXPECTED: readonly (readonly [line: RegExp, exit: number, says: RegExp])[] = [
  [/ issuer add /, 0, /login +client public-cli/],
  [/ role list/, 0, /admin +built in/],
  [/ bind user:ada /, 0, /who +user:ada of issuer/],
  [/ role create /, 0, /agent\.reinstate/],
  [/ bindings$/, 0, /group:builders +operator +acme +build-\* +2\d{3}-/],
  [/lanyard login$/, 0, /logged in[\s\S]*Ada[\s\S]*admin/],
  [/lanyard whoami$/, 0, /you are +Ada\nby +token of an issuer, principal [0-9a-f]{32}\nrole +admin\n/],
  [/ agent list /, 0, /planner/],
  [/lanyard logout$/, 0, /logged out here and at https:/],
  [/ explain user:ada agent\.kill /, 0, /\nallowed\n/],
  [/ explain user:bob killAgent /, 0, /\nallowed\n/],
  [/ explain user:bob createTenant /, 1, /\nnot allowed\n/],
  [/ bind 'certificate:/, 0, /who +certificate:dn:CN=deployer,O=Acme\n/],
  [/ access reinstate /, 0, /reinstated principal/],
]

test('the guide: every line can be typed, and does what the page says', async () => {
  const { lines } = readGuide('people-and-roles.md')
  const seen = new Set<RegExp>()
  let principal = ''
  let keyless = ''
  for (const written of lines) {
    if (written === 'unset LANYARD_API_KEY') {
      keyless = `${written}; export NODE_EXTRA_CA_CERTS='${provider.caFile}'; `
      continue
    }
    if (written.includes('access reinstate')) await steal(principal)
    const line = written
      .replaceAll('https://login.example.com', provider.issuer)
      .replaceAll('lanyard-cli', 'public-cli')
      .replace(/\bID\b/, principal)
    const { exit, out, err } = await desk.type(keyless + line, confirm)
    const [pattern, code, says] = EXPECTED.find(([pattern]) => pattern.test(line)) ?? [null, 0, /^/]
    if (pattern) seen.add(pattern)
    assert.equal(exit, code, `${line}\n${out}${err}`)
    assert.match(out, says, line)
    if (line === 'lanyard whoami') await refreshAtOnce(keyless + line)
    principal ||= /principal ([0-9a-f]{32})/.exec(out)?.[1] ?? ''
    // The rest is done by whoever holds the key again.
    if (line === 'lanyard logout') keyless = ''
  }
  assert.deepEqual(
    EXPECTED.filter(([pattern]) => !seen.has(pattern)),
    [],
  )
})

/** Several processes need a fresh token at the same time, and the provider gives each refresh token one use. */
async function refreshAtOnce(line: string): Promise<void> {
  for (const { exit, err } of await Promise.all([1, 2, 3].map(() => desk.type(line)))) assert.equal(exit, 0, err)
}

/** Ada opens the page, types the code that she sees, and agrees. */
function confirm(said: string): void {
  const code = /enter the code (\S+),/.exec(said)?.[1]
  if (code !== undefined) void provider.approve(code, 'ada')
}

/** What the page says of a stolen laptop. */
async function steal(principal: string): Promise<void> {
  const line = `lanyard kill --minted-by principal:${principal} --reason "laptop stolen"`
  const { exit, err } = await desk.type(line)
  assert.ok(exit === 0 || exit === 4, err)
}
