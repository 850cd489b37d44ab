import assert from 'node:assert/strict'
import { cpSync, globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { Desk, readGuide } from '../support/guide.ts'
import { type LanyardUp, lanyardUp } from '../support/lanyard-up.ts'

const GUIDES = resolve(import.meta.dirname, '../../docs/guides')

let authority: LanyardUp
let desk: Desk

before(async () => {
  authority = await lanyardUp({ flags: ['--trust-domain', 'example.internal'] })
  await authority.call('POST', '/v1/tenants', { tenant: 'acme' })
  for (const agent of ['invoice', 'planner']) await authority.call('POST', '/v1/agents', { tenant: 'acme', agent })
  desk = new Desk(authority)
  cpSync(join(GUIDES, 'policies'), join(desk.folder, 'policies'), { recursive: true })
})

after(async () => {
  desk?.remove()
  await authority?.remove()
})

/** What a line of the guide ends with, and what it says. By words of it. */
const EXPECTED: readonly (readonly [line: RegExp, exit: number, says: RegExp])[] = [
  [/ policy check /, 0, /✓ policies\/07-ci-keeps-to-its-own\.cedar {2}2 policies/],
  [/ policy test policies$/, 0, /42 of 42 hold/],
  [/ policy save /, 0, /version +1\nof +tenant acme\nstate +saved/],
  [/ policy shadow 1 /, 0, /version 1 is shadow/],
  [/ apikey create /, 0, /./],
  [/ --owner ci@example\.org /, 0, /./],
  [/ policy shadow --tenant acme$/, 0, /updateAgent[\s\S]*shadow {2}deny by acme@1:ci-keeps-to-its-own/],
  [/ policy activate 1 /, 0, /state +active/],
  [/ --owner me@example\.org /, 1, /policy_denied[\s\S]*acme@1:ci-keeps-to-its-own/],
  [/ events /, 0, /policy\.denied/],
  [/ explain tenant:acme /, 1, /cannot be evaluated[\s\S]*\ndenied/],
  [/ explain api-key:/, 1, /acme@1 {2}deny by acme@1:ci-keeps-to-its-own\ndenied/],
  [/ policy diff /, 0, /removed ci-keeps-to-its-own[\s\S]*added freeze[\s\S]*on Sunday: allow before, deny after/],
  [/ policy rollback /, 0, /no version decides for tenant acme any more/],
]

test('the guide: every line can be typed, and does what the page says', async () => {
  const { lines } = readGuide('policy.md')
  const seen = new Set<RegExp>()
  for (const written of lines) {
    const line = written.includes('KEY') ? written.replace('KEY', await idOfKey()) : written
    const { exit, out, err } = await desk.type(line)
    const expected = EXPECTED.find(([words]) => words.test(written))
    assert.ok(expected, `no expectation for ${written}`)
    const [words, code, says] = expected
    seen.add(words)
    assert.equal(exit, code, `${line}\n${out}${err}`)
    assert.match(out + err, says, line)
  }
  assert.equal(seen.size, EXPECTED.length, 'every expectation is of a line')
})

async function idOfKey(): Promise<string> {
  const { items } = await authority.call('GET', '/v1/api-keys?tenant=acme')
  return items.find(({ name }: { name: string }) => name === 'ci-main').id
}

test('every policy of the page is one of the folder, and each file there has its cases', () => {
  const page = readFileSync(join(GUIDES, 'policy.md'), 'utf8')
  const shown = [...page.matchAll(/```(?:cedar|yaml)\n([\s\S]*?)```/g)].map(([, text]) => text!)
  const files = globSync('policies/*', { cwd: GUIDES })
  const texts = files.map(name => readFileSync(join(GUIDES, name), 'utf8'))
  assert.ok(shown.length >= 12)
  for (const block of shown)
    assert.ok(
      texts.some(text => text.includes(block.trimEnd())),
      block,
    )
  const stems = files.filter(name => name.endsWith('.cedar')).map(name => name.replace(/\.cedar$/, ''))
  assert.ok(stems.length >= 10)
  for (const stem of stems) assert.ok(files.includes(`${stem}.cases.yaml`), stem)
})

test('the guard of a service asks the policies: who is let in changes within moments, on open connections too', async () => {
  const { programs } = readGuide('policy.md')
  const save = async (file: string) => {
    const policies = readFileSync(join(GUIDES, 'policies', file), 'utf8')
    const { version } = await authority.call('POST', '/v1/policies', { tenant: 'acme', policies })
    await authority.call('POST', `/v1/policies/${version}/activate`, { tenant: 'acme' })
  }
  await save('10-who-calls-whom.cedar')
  const service = await desk.start('acme', 'invoice', programs[0]!.replace('port: 9443', 'port: 0'))
  const url = ((await service.lines.next()).value as string).split(' ').at(-1)!
  const planner = await desk.start('acme', 'planner', caller(url))
  const answers = planner.lines
  assert.equal((await answers.next()).value, 'GET 200, POST 403')
  await save('01-no-kills-at-night.cedar')
  assert.equal(await untilSays(answers, 'GET 200, POST 200'), true)
  await authority.call('POST', '/v1/policies/rollback', { tenant: 'acme' })
  assert.equal(await untilSays(answers, 'GET 200, POST 403'), true)
  await authority.call('POST', '/v1/policies/rollback', { tenant: 'acme' })
})

/** A program that asks again and again, and says when the answers are others. */
const caller = (url: string) => `
import { dangerouslyAny, Identity } from '@lanyard/sdk'
const identity = await Identity.fromEnvironment()
const ask = async method => (await identity.fetch('${url}', { method, peer: dangerouslyAny() })).status
for (let before = ''; ; ) {
  const now = \`GET \${await ask('GET')}, POST \${await ask('POST')}\`
  if (now !== before) console.log(now)
  before = now
  await new Promise(resolve => setTimeout(resolve, 20))
}
`

/** Whether these words come before many others have. */
async function untilSays(lines: AsyncIterator<string>, words: string): Promise<boolean> {
  for (let line = 0; line < 5; line++) if ((await lines.next()).value === words) return true
  return false
}
