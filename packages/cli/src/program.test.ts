import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lanyard } from './testing/fake-io.ts'
import { VERSION } from './version.ts'

test('without arguments, as `help` and with --help it tells what there is', async () => {
  const bare = await lanyard([])
  assert.equal(bare.exit, 0)
  assert.equal(bare.err, '')
  for (const args of [['help'], ['--help'], ['-h'], ['--no-color', 'help']])
    assert.deepEqual(await lanyard(args), bare, args.join(' '))
})

test('the version, for people and for programs', async () => {
  for (const args of [['--version'], ['version'], ['-V']])
    assert.deepEqual(await lanyard(args), { exit: 0, out: `lanyard ${VERSION}\n`, err: '' })
  const { out } = await lanyard(['--json', '--version'])
  assert.deepEqual(JSON.parse(out), { version: VERSION, node: process.version })
})

/** Command lines that cannot be understood: exit 2, and what the message must say. */
const MISUSE: readonly (readonly [args: string, says: RegExp])[] = [
  ['tennant list', /did you mean tenant\?/],
  ['frobnicate', /no command "frobnicate"/],
  ['-x', /no command "-x"/],
  ['tenant craete acme', /has create, list, show, set, admission, but no "craete"; did you mean create\?/],
  ['tenant create', /TENANT is missing: lanyard tenant create TENANT \[options\]/],
  ['tenant create acme globex', /"globex" is one argument too many/],
  ['tenant create acme --key-polcy modern', /no option --key-polcy; did you mean --key-policy\?/],
  ['tenant create acme --key-policy modren', /expected rsa-only, modern, got "modren"; did you mean modern\?/],
  ['join-token create web-1 --ttl 10m', /--ttl: expected a whole number of seconds, got "10m"/],
  ['tenant create acme --renewal-grace soon', /--renewal-grace: expected a whole number of seconds, got "soon"/],
  ['tenant create acme --renewal-grace', /--renewal-grace needs a value/],
  ['tenant create acme --renewal-grace 1 --url --profile x', /--url needs a value/],
  ['tenant create acme --json=yes', /--json takes no value/],
  ['tenant list --url https://a.example --url https://b.example', /--url is given twice/],
  ['apikey create ci', /--role is missing/],
  ['agent create acme planner --label nonsense', /--label: expected NAME=VALUE/],
  ['tenant list --url http://127.0.0.1:1', /expected a URL such as https:/],
  ['tenant list --url https://user:secret@a.example', /expected a URL such as https:/],
  ['tenant list', /no authority: run `lanyard bootstrap/],
  ['tenant list --url https://127.0.0.1:1', /nothing says which root 127\.0\.0\.1:1 must have/],
  ['tenant list --url https://127.0.0.1:1 --root-sha256 abc', /--root-sha256: expected the SHA-256/],
  ['tenant list --profile ../x', /has a name with other characters/],
  ['tenant list --profile prod', /no profile prod/],
  ['tenant set acme', /nothing to change/],
  ['svid', /no Workload API: give --socket unix:/],
  ['svid --socket ./data/w.sock', /did you mean --socket unix:\/\/\/nowhere\/data\/w\.sock\?/],
  ['svid --socket unix://data/w.sock', /did you mean --socket unix:\/\/\/nowhere\/data\/w\.sock\?/],
  ['up --store postgres://u:SECRET@h/d', /--store: expected no password .*set LANYARD_STORE/],
  ['up --store postgres://h/d?user=u&password=SECRET', /--store: expected no password/],
  ['up --redis rediss://:SECRET@h', /--redis: expected no password .*set LANYARD_REDIS/],
  ['up postgres://u:SECRET@h/d', /"postgres:\/\/…@h\/d" is one argument too many/],
  ['kill acme planner --reason x', /one argument too many: .*; did you mean acme\/planner\?/],
  ['agent show acme', /AGENT is missing/],
  // Both names were read: what is missing now is the authority.
  ['agent show acme/planner', /no authority: run `lanyard bootstrap/],
  ['agent list --provenance federatd', /--provenance: expected internal or federated:https:/],
  ['events --follow --until 2026-01-01T00:00:00Z', /--follow goes with neither/],
]

/** Whose words are understood, and which lack an authority. */
const MISSING = /no authority|nothing says which root|no profile prod/

for (const [line, says] of MISUSE)
  test(`misuse: lanyard ${line}`, async () => {
    const people = await lanyard(line.split(' '))
    assert.equal(people.exit, 2, people.err)
    const code = MISSING.test(`${says}`) ? 'authority_missing' : 'usage_invalid'
    assert.ok(people.err.startsWith(`error ${code}: `), people.err)
    assert.match(people.err, says)
    assert.ok(!people.err.includes('SECRET'))
    assert.equal(people.out, '')

    const program = await lanyard(['--json', ...line.split(' ')])
    assert.equal(program.exit, 2)
    const problem = JSON.parse(program.out)
    assert.equal(problem.code, code)
    assert.match(problem.detail, says)
    assert.ok(problem.remedy)
  })

test('misuse leads to the help of the command that was meant', async () => {
  for (const [line, help] of [
    ['tenant create acme --key-polcy modern', 'tenant create --help'],
    ['tenant set acme', 'tenant set --help'],
    ['tenant craete acme', 'tenant --help'],
    ['frobnicate', 'help'],
  ] as const) {
    const { err } = await lanyard(line.split(' '))
    assert.ok(err.endsWith(`do See \`lanyard ${help}\`.\n`), err)
  }
})

test('an authority that is not there ends with another code than a refusal', async () => {
  const root = 'a'.repeat(64)
  const { exit, out } = await lanyard(['whoami', '--json', '--url', 'https://127.0.0.1:1', '--root-sha256', root])
  assert.equal(exit, 3)
  assert.equal(JSON.parse(out).code, 'server_unreachable')
})

test('colours at a terminal alone, and not where somebody asked for none', async () => {
  const colour = '\x1b['
  assert.ok((await lanyard(['help'], { terminal: true })).out.includes(colour))
  assert.ok((await lanyard(['nonsense'], { terminal: true })).err.includes(colour))
  assert.ok(!(await lanyard(['help'])).out.includes(colour))
  assert.ok(!(await lanyard(['help', '--no-color'], { terminal: true })).out.includes(colour))
  assert.ok(!(await lanyard(['help'], { terminal: true, env: { NO_COLOR: '1' } })).out.includes(colour))
  assert.ok(!(await lanyard(['help'], { terminal: true, env: { TERM: 'dumb' } })).out.includes(colour))
  assert.ok(!(await lanyard(['help', '--json'], { terminal: true })).out.includes(colour))
})
