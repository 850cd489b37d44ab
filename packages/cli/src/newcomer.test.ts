import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, before, type TestContext, test } from 'node:test'
import { FakeTrustDomain } from '@lanyard/daemon/testing'
import { COMMANDS } from './commands/index.ts'
import { lanyard, type World } from './testing/fake-io.ts'
import { OidcProvider } from './testing/openid-provider.ts'
import { TestCa } from './testing/test-ca.ts'

// What a newcomer does with a real authority, in order: one process for the authority, commands in this one.

const LAUNCHER = new URL('../bin/lanyard.mjs', import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), 'lanyard-newcomer-'))
const data = join(folder, 'data')
const used = new Set<string>()

interface Up {
  /** Of the launcher, and of the group that it leads. */
  readonly pid: number
  /** The first line; empty where it ended without one. */
  readonly ready: Record<string, string>
  /** All of standard output, once it ended. */
  readonly out: Promise<string>
  readonly err: Promise<string>
  readonly ended: Promise<number | null>
}
/** What must not outlive this file, whatever fails in it. */
const started = new Set<number>()

async function startUp(env: Record<string, string> = {}): Promise<Up> {
  const { HOME: _home, ...rest } = process.env
  const args = [LAUNCHER, 'up', '--json', '--data', data, '--listen', '127.0.0.1:0', '--trust-domain', 'example.test']
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { ...rest, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const pid = child.pid!
  started.add(pid)
  const ended = new Promise<number | null>(resolve =>
    child.once('exit', code => {
      started.delete(pid)
      resolve(code)
    }),
  )
  const [{ first, out }, err] = [heard(child.stdout), text(child.stderr)]
  return { pid, ready: JSON.parse((await first) || '{}'), out, err, ended }
}

/** The first line as soon as it is whole, and everything once it ended; what ends in the first line is that line. */
function heard(from: Readable): { first: Promise<string>; out: Promise<string> } {
  const [first, out] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()]
  let said = ''
  from.setEncoding('utf8').on('data', chunk => {
    said += chunk
    if (said.includes('\n')) first.resolve(said.slice(0, said.indexOf('\n')))
  })
  from.once('close', () => {
    first.resolve(said)
    out.resolve(said)
  })
  return { first: first.promise, out: out.promise }
}

/** As a terminal and a supervisor do it: the signal reaches the launcher and, twice so, what it launched. */
async function stop({ pid, ended }: Up, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  process.kill(-pid, signal)
  return await ended
}

/** For a command that goes on: stopped with the test, also where that fails before it comes to it. */
function stopping(t: TestContext): AbortController {
  const stop = new AbortController()
  t.after(() => stop.abort())
  return stop
}

/** One command line as the newcomer types it, words split at blanks; gives the JSON, and fails with what was said. */
async function type(line: string, expected = 0, world: World = {}) {
  const words = line.split(' ')
  for (const count of [1, 2, 3]) used.add(words.slice(0, count).join(' '))
  const ran = await lanyard([...words, '--json'], { home: folder, cwd: folder, ...world })
  assert.equal(ran.exit, expected, `lanyard ${line}: ${ran.err}${ran.out}`)
  return ran.out === '' ? undefined : JSON.parse(ran.out)
}

let provider: OidcProvider | undefined
let up: Up
before(async () => {
  const users = { ada: { name: 'Ada', groups: ['sre'] } }
  provider = await OidcProvider.start({
    audience: 'https://lanyard.test',
    login: 'cli',
    users,
    pollSec: 0.1,
  })
  // As `mkdir` makes it; nothing lies in it, so that closing it comes in time.
  mkdirSync(data, { mode: 0o755 })
  up = await startUp({ LANYARD_IDP_CA_FILE: provider.caFile, LANYARD_IDP_ALLOW_ADDRESSES: '127.0.0.0/8,::1/128' })
})
after(async () => {
  for (const pid of started) process.kill(-pid, 'SIGKILL')
  await provider?.close()
  rmSync(folder, { recursive: true })
})

test('`lanyard up` says in one line of JSON where it is and which root it has', () => {
  assert.deepEqual(Object.keys(up.ready), [
    'event',
    'url',
    'trust_domain',
    'root_sha256',
    'root_file',
    'admin_key_file',
    ...(process.platform === 'linux' ? ['workload_api', 'admin_socket'] : []),
  ])
  assert.match(up.ready.url!, /^https:\/\/127\.0\.0\.1:\d+$/)
  assert.equal(up.ready.trust_domain, 'example.test')
  assert.match(readFileSync(up.ready.admin_key_file!, 'utf8'), /^lanyard_\w+_\w+\n$/)
  for (const file of [up.ready.admin_key_file!, up.ready.root_file!]) assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.equal(statSync(data).mode & 0o777, 0o700)
})

test('a fingerprint and a key file are all that is needed', async () => {
  const { url, root_sha256, admin_key_file } = up.ready
  await type(`bootstrap --url ${url} --fingerprint ${'0'.repeat(64)}`, 1)
  const kept = await type(`bootstrap --url ${url} --fingerprint ${root_sha256} --api-key-file ${admin_key_file}`)
  assert.equal(kept.root_sha256, root_sha256)
  assert.equal((await type('whoami')).role, 'admin')
})

test('tenants', async () => {
  assert.equal((await type('tenant create acme')).key_policy, 'rsa-only')
  assert.equal((await type('tenant create globex --key-policy modern --renewal-grace 60')).renewal_grace_sec, 60)
  assert.deepEqual(
    (await type('tenant list')).items.map((one: { tenant: string }) => one.tenant),
    ['acme', 'globex'],
  )
  assert.equal((await type('tenant show acme')).tenant, 'acme')
  assert.equal((await type('tenant set acme --renewal-grace 120')).renewal_grace_sec, 120)
  assert.equal((await type('tenant create acme', 1)).code, 'tenant_exists')
  assert.equal((await type('tenant create Acme', 1)).code, 'name_invalid')
})

test('agents', async () => {
  const made = await type('agent create acme planner --tier gold --owner ops --label env=prod --label team=a')
  assert.deepEqual(made.labels, { env: 'prod', team: 'a' })
  assert.equal(made.spiffe_id, 'spiffe://example.test/tenant/acme/agent/planner')
  await type('agent create globex trader')
  assert.equal((await type('agent list --tenant acme')).items.length, 1)
  assert.deepEqual(await type('agent show acme planner'), made)
  assert.equal((await type('agent set acme planner --tier bronze')).tier, 'bronze')
  assert.equal((await type('agent show acme nobody', 1)).code, 'agent_unknown')
})

test('a certificate, written as three files', async () => {
  const made = await type('cert request --tenant acme --agent planner --out planner')
  assert.equal(made.reputation_tier, 'bronze')
  assert.equal(made.validity_sec, 180)
  const files = { svid: 'svid.pem', key: 'svid_key.pem', bundle: 'bundle.pem' }
  for (const [part, name] of Object.entries(files)) assert.equal(made.files[part], join(folder, 'planner', name))
  assert.equal(statSync(made.files.key).mode & 0o777, 0o600)
  assert.equal(readFileSync(made.files.svid, 'utf8'), made.certificate + made.chain)
  assert.equal(readFileSync(made.files.bundle, 'utf8'), made.bundle)

  const verdict = await type(`verify ${made.files.svid} --roots ${made.files.bundle} --spiffe`)
  assert.equal(verdict.spiffe_id, made.spiffe_id)
  await type(`verify ${made.files.svid} --roots ${made.files.bundle} --at 2020-01-01T00:00:00Z`, 1)
  assert.equal((await type(`inspect ${made.files.svid}`)).serial, made.serial)
  assert.equal((await type('whoami --svid planner')).spiffe_id, made.spiffe_id)
})

test('the card of a certificate has four lines, from a file and from a server', async () => {
  for (const what of ['planner/svid.pem', new URL(up.ready.url!).host, up.ready.url!, `${up.ready.url}/`]) {
    const { out } = await lanyard(['inspect', what.includes('pem') ? join(folder, what) : what])
    assert.match(out, /^who +spiffe:.*\nby +.*\nlife +.* left \(\d+ %\)\nkey +.*, serial [0-9a-f]{32}\n$/)
  }
})

test('what is no certificate is named as such', async () => {
  const { detail } = await type(`inspect ${up.ready.admin_key_file}`, 2)
  assert.match(detail, /expected certificates in PEM or DER, got neither in .*admin\.key/)
})

test('the key policy decides which keys are taken', async () => {
  const refused = await type('cert request --tenant acme --agent planner --out other --key-type P-256', 1)
  assert.equal(refused.code, 'key_type_forbidden')
  assert.ok(!existsSync(join(folder, 'other')))
  const curve = await type('cert request --tenant globex --agent trader --out trader --key-type P-256 --ttl 60')
  assert.equal(curve.validity_sec, 60)
  await type('cert request --tenant globex --agent trader --out trader --key-type Ed25519')
  await type('cert request --tenant globex --out trader', 2)
  await type('cert request --out trader', 2)
})

test('an agent token is enough for its agent', async () => {
  const { token } = await type('agent token globex trader')
  const env = { LANYARD_URL: up.ready.url, LANYARD_ROOT_SHA256: up.ready.root_sha256, LANYARD_TOKEN: token }
  const home = join(folder, 'elsewhere')
  assert.equal((await type('whoami', 0, { env, home })).kind, 'agent-token')
  const made = await type('cert request --out by-token --key-type P-256', 0, { env, home })
  assert.equal(made.spiffe_id, 'spiffe://example.test/tenant/globex/agent/trader')
  await type('cert request --tenant globex --agent trader --out by-token', 2, { env, home })
})

test('a token for a shell stands alone on standard output; for a file it stands nowhere else', async () => {
  const world = { home: folder, cwd: folder }
  const shown = await lanyard(['agent', 'token', 'globex', 'trader'], world)
  assert.match(shown.out, /^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  assert.match(shown.err, /one key of spiffe:\/\/example\.test\/tenant\/globex\/agent\/trader, within 15 min/)
  const kept = await lanyard(['agent', 'token', 'globex', 'trader', '--out', 'trader.token', '--json'], world)
  const { token_file, ...rest } = JSON.parse(kept.out)
  assert.deepEqual(Object.keys(rest).sort(), ['expires_in', 'spiffe_id', 'token_type'])
  assert.equal(statSync(token_file).mode & 0o777, 0o600)
  const [minted, end] = readFileSync(token_file, 'utf8').split('\n')
  assert.equal(end, '')
  assert.ok(minted && !kept.out.includes(minted) && !kept.err.includes(minted))
})

test('a reload command runs after the files are there, and without our secrets', async () => {
  const seen = join(folder, 'seen')
  const line = [
    'cert',
    'request',
    '--tenant',
    'globex',
    '--agent',
    'trader',
    '--out',
    'reloaded',
    '--key-type',
    'P-256',
  ]
  const env = { ...process.env, LANYARD_API_KEY: readFileSync(up.ready.admin_key_file!, 'utf8').trim() }
  const command = `cat "$LANYARD_SVID" "$LANYARD_SVID_KEY" > ${seen}; echo "[$LANYARD_API_KEY]" >> ${seen}`
  const ran = await lanyard([...line, '--reload', command], { home: folder, cwd: folder, env })
  assert.equal(ran.exit, 0, ran.err)
  assert.match(readFileSync(seen, 'utf8'), /BEGIN CERTIFICATE.*BEGIN PRIVATE KEY.*\n\[\]\n$/s)
  const failing = await lanyard([...line, '--reload', 'echo told; exit 3', '--json'], { home: folder, cwd: folder })
  assert.equal(failing.exit, 1)
  assert.equal(JSON.parse(failing.out).code, 'reload_failed')
  assert.match(failing.err, /^told\n/)
})

test('with --renew it goes on until it is stopped', async t => {
  const stop = stopping(t)
  const args = ['cert', 'request', '--tenant', 'globex', '--agent', 'trader', '--out', 'kept', '--renew', '--json']
  const ran = await lanyard([...args, '--key-type', 'P-256'], {
    home: folder,
    cwd: folder,
    stop: stop.signal,
    onOut: () => stop.abort(),
  })
  assert.equal(ran.exit, 0, ran.err)
  const told = JSON.parse(ran.out)
  assert.equal((await type(`inspect ${told.files.svid}`)).serial, told.serial)
})

test('records: certificates and events', async () => {
  const { items } = await type('cert list --tenant acme --alive true')
  assert.equal(items.length, 1)
  const [first] = (await type('events --tenant acme --type cert.issued --limit 1')).items
  assert.equal(first.detail.serial, items[0].serial)
  assert.deepEqual(await type(`cert revoke ${items[0].serial} --reason test`), { revoked: [items[0].serial] })
  assert.equal((await type('whoami --svid planner', 1)).code, 'certificate_revoked')
  await type('cert revoke --tenant acme --agent planner --reason test')
  await type('cert revoke --reason test', 2)
})

test('events can be followed, each shown once', async t => {
  const stop = stopping(t)
  const seen: { id: string; type: string }[] = []
  const following = lanyard(['events', '--follow', '--interval', '0', '--json', '--tenant', 'acme'], {
    home: folder,
    stop: stop.signal,
    onOut: line => {
      seen.push(JSON.parse(line))
      if (seen.at(-1)!.type === 'agent.created' && seen.length > 3) stop.abort()
    },
  })
  await type('agent create acme latecomer')
  assert.equal((await following).exit, 0)
  assert.equal(new Set(seen.map(({ id }) => id)).size, seen.length)
  assert.equal(seen.at(-1)!.type, 'agent.created')
})

test('a quarantined agent gets nothing until it is reinstated, a retired one never', async () => {
  assert.equal((await type('agent quarantine acme planner')).lifecycle, 'quarantined')
  assert.equal((await type('cert request --tenant acme --agent planner --out planner', 1)).code, 'agent_quarantined')
  assert.equal((await type('agent reinstate acme planner')).incarnation, 2)
  assert.deepEqual(await type('agent retire acme planner'), {})
  assert.equal((await type('agent create acme planner', 1)).code, 'agent_exists')
})

test('a kill ends everything at once, leaves a receipt that stands alone, and can be taken back', async t => {
  await type('cert request --tenant globex --agent trader --out trader --key-type P-256')
  const stop = stopping(t)
  const seen: { kind: string }[] = []
  const watching = lanyard(['feed', 'watch', '--deaths', '--json'], {
    home: folder,
    stop: stop.signal,
    onOut: line => {
      seen.push(JSON.parse(line))
      if (seen.length === 1) killing = kill()
      else stop.abort()
    },
  })
  const kill = async () => {
    const ran = await lanyard(line.split(' '), { home: folder, cwd: folder, stop: stopping(t).signal })
    // Nobody hears of a kill that was refused.
    if (ran.exit !== 0) stop.abort()
    return ran
  }
  const line = 'kill globex/trader --reason try --incident try-the-kill --watch --receipt trader.receipt --json'
  let killing: ReturnType<typeof kill> | undefined
  const watched = await watching
  assert.equal(watched.exit, 0, watched.err)
  const killed = await killing!
  assert.equal(killed.exit, 0, killed.err)
  assert.deepEqual(
    seen.map(({ kind }) => kind),
    ['snapshot', 'delta'],
  )
  used.add('kill').add('feed watch')
  const incident = JSON.parse(killed.out.trim().split('\n').at(-1)!)
  assert.equal(incident.state, 'closed')
  const [first] = killed.out.split('\n')
  assert.equal(JSON.parse(first!).incident, 'try-the-kill')
  const again = await type('kill globex/trader --reason try --incident try-the-kill')
  assert.deepEqual(again, JSON.parse(first!), 'asked again, nothing is done twice')
  assert.equal((await type('kill globex/trader --reason other --incident try-the-kill', 1)).code, 'incident_conflict')

  assert.equal((await type('whoami --svid trader', 1)).code, 'agent_quarantined')
  const verdict = await type(`receipt verify ${folder}/trader.receipt --roots ${up.ready.root_file}`)
  assert.equal(verdict.receipt.incident, 'try-the-kill')
  assert.equal((await type('receipt get try-the-kill')).receipt, incident.receipt)
  assert.deepEqual(await type('incident show try-the-kill'), incident)
  assert.equal((await type('incident list --tenant globex --state closed')).items.length, 1)
  assert.equal((await type('incident snapshot try-the-kill')).snapshot.agents[0].agent, 'trader')
  // What an earlier kill revoked has not ended: who hears of no deaths still accepts it.
  await type('kill globex/trader --reason again --incident try-it-again')
  assert.equal((await type('incident show try-it-again')).unguarded_until, incident.unguarded_until)
  assert.equal((await type('reinstate globex/trader --reason over')).incarnation, 2)
  assert.equal((await type('whoami --svid trader', 1)).code, 'incarnation_dead')
})

test('nobody guards and nobody serves yet; one instance does', async () => {
  assert.deepEqual((await type('points')).items, [])
  assert.deepEqual((await type('service list')).items, [])
  assert.equal((await type('instance list')).items[0].state, 'serving')
  const stranger = '00000000-0000-4000-8000-000000000000'
  assert.equal((await type(`instance evict ${stranger} --reason none`, 1)).code, 'not_found')
})

test('API keys within their scope', async () => {
  const made = await type('apikey create ci --role issuer --tenant acme --agents build-* --expires-in 60 --out ci.key')
  assert.equal(made.key, undefined)
  assert.equal(statSync(made.key_file).mode & 0o777, 0o600)
  await type('agent create acme build-1')
  await type('agent create acme deploy')
  const key = ['--api-key-file', made.key_file].join(' ')
  assert.equal((await type(`tenant list ${key}`, 1)).permission, 'tenant.read')
  assert.equal((await type(`cert request --tenant acme --agent deploy --out x ${key}`, 1)).code, 'agent_not_covered')
  assert.equal((await type(`cert request --tenant globex --agent trader --out x ${key}`, 1)).code, 'tenant_mismatch')
  await type(`cert request --tenant acme --agent build-1 --out build-1 ${key}`)
  assert.ok((await type('apikey list')).items.some((one: { id: string }) => one.id === made.id))
  assert.deepEqual(await type(`apikey delete ${made.id}`), {})
  assert.equal((await type(`whoami ${key}`, 1)).code, 'unauthenticated')
  assert.match((await type('apikey create audit --role auditor')).key, /^lanyard_/)
})

test('an agent with a secret, and with a second factor', async () => {
  await type('agent create globex teller')
  const made = await type('agent secret create globex teller --out teller.secret')
  assert.equal(made.secret, undefined)
  assert.equal(statSync(made.secret_file).mode & 0o777, 0o600)
  assert.equal((await type('agent secret show globex teller')).id, made.id)
  const secret = `--secret-file ${made.secret_file}`
  assert.match((await type(`agent session globex teller ${secret}`)).token, /^eyJ/)
  await type(`cert request --tenant globex --agent teller --out teller --key-type P-256 ${secret}`)

  assert.equal((await type('tenant admission set globex --mtls required')).agent_mtls_required, true)
  assert.equal((await type('tenant admission show globex')).agent_mtls_required, true)
  assert.equal((await type(`agent session globex teller ${secret}`, 1)).code, 'factor_missing')
  const [svid, key] = ['svid.pem', 'svid_key.pem'].map(name => join(folder, 'teller', name))
  const both = `${secret} --client-cert ${svid} --client-key ${key}`
  await type(`agent secret rotate globex teller ${both} --out next.secret`)
  assert.equal((await type(`agent session globex teller ${both}`, 1)).code, 'secret_superseded')
  await type(`agent session globex teller ${both.replace('teller.secret', 'next.secret')}`)

  const gone = await type('agent secret revoke globex teller --reason stolen')
  assert.deepEqual([gone.secrets, gone.revoked.length], [1, 1])
  assert.equal((await type('whoami --svid teller', 1)).code, 'certificate_revoked')
  assert.equal((await type('agent secret show globex teller', 1)).code, 'not_found')
})

test('a provider vouches for the agents of a tenant, and nobody else does', async () => {
  assert.equal((await type('idp presets')).length, 6)
  await type('tenant create initech')
  const { issuer } = provider!
  const idp = await type(
    `idp add initech --issuer ${issuer} --audience https://lanyard.test --require client_id=build-7`,
  )
  assert.deepEqual((await type('idp list initech')).items, [idp])
  assert.deepEqual(await type(`idp show initech ${issuer}`), idp)
  const jwt = join(folder, 'build-7.jwt')
  writeFileSync(jwt, await provider!.clientToken('build-7'))
  assert.equal((await type(`idp test initech ${idp.id} --token-file ${jwt}`, 1)).agent, 'build-7')
  assert.equal((await type(`idp update initech ${issuer} --allow-agent-federation yes`)).allow_agent_federation, true)
  assert.equal((await type('tenant admission show initech')).federation_required, true)

  await type('agent create initech planner')
  assert.equal((await type('agent token initech planner', 1)).code, 'federation_required')
  const { token_file } = await type(`idp exchange initech --token-file ${jwt} --out build-7.token`)
  const env = { LANYARD_TOKEN_FILE: token_file }
  await type('cert request --out build-7', 0, { env })
  assert.equal((await type('whoami --svid build-7')).agent, 'build-7')
  assert.equal((await type('agent show initech build-7')).identity_provenance, `federated:${issuer}`)
  writeFileSync(jwt, await provider!.clientToken('build-7'))
  await type(`cert request --tenant initech --idp-token-file ${jwt} --out build-7-again`)
  await type(`cert request --tenant initech --agent build-7 --idp-token-file ${jwt} --out x`, 2)
  assert.deepEqual(await type(`idp remove initech ${issuer}`), {})
  assert.match((await type('agent token initech planner')).token, /^eyJ/)
})

/** Types what waits for a person, who opens the page and agrees; gives the last line. */
async function logIn(line: string, person: string) {
  used.add('login')
  const stop = new AbortController()
  let confirmed = Promise.resolve()
  const onOut = (said: string) => {
    const { event, user_code } = JSON.parse(said)
    if (event !== 'confirm') return
    confirmed = provider!.approve(user_code, person)
    // Nobody waits for who cannot agree.
    confirmed.catch(() => stop.abort())
  }
  const ran = await lanyard([...line.split(' '), '--json'], { home: folder, cwd: folder, stop: stop.signal, onOut })
  await confirmed
  assert.equal(ran.exit, 0, ran.err)
  return JSON.parse(ran.out.trim().split('\n').at(-1)!)
}

test('people log in, and may what roles give them', async () => {
  const { issuer } = provider!
  const added = await type(`access issuer add ${issuer} --audience https://lanyard.test --login-client cli`)
  assert.deepEqual((await type('access issuer list')).items, [added])
  const role = await type('access role create on-call --permission agent.read --permission agent.kill')
  assert.equal((await type('access role update on-call --description nights')).description, 'nights')
  assert.ok((await type('access role list')).items.some((one: { id: string }) => one.id === role.id))
  const binding = await type('access bind group:sre --role on-call --tenant acme')
  assert.deepEqual((await type('access bindings --tenant acme')).items, [binding])
  const kill = 'access explain user:ada agent.kill acme/planner'
  assert.equal((await type(kill, 1)).allowed, false)
  assert.equal((await type(`${kill} --group sre`)).allowed, true)

  const { whoami } = await logIn(`login --ca-file ${provider!.caFile} --tenant acme`, 'ada')
  assert.deepEqual([whoami.kind, whoami.method, whoami.name], ['principal', 'jwt', 'Ada'])
  assert.equal((await type('whoami')).id, whoami.id, 'the session goes before the key of the profile')
  assert.ok((await type('agent list')).items.every((one: { tenant: string }) => one.tenant === 'acme'))
  assert.equal((await type('agent create acme another', 1)).permission, 'agent.create')
  assert.deepEqual(await type('logout'), { logged_out: true, revoked: true })
  assert.equal((await type('whoami')).kind, 'api-key')

  await type(`kill --minted-by principal:${whoami.id} --reason stolen`)
  assert.deepEqual(await type(`access reinstate principal:${whoami.id}`), {})
  assert.equal((await type('access role delete on-call', 1)).code, 'role_in_use')
  assert.deepEqual(await type(`access unbind ${binding.id}`), {})
  assert.deepEqual(await type('access role delete on-call'), {})
  assert.equal((await type(`access issuer update ${issuer} --enabled no`)).enabled, false)
  assert.deepEqual(await type(`access issuer remove ${issuer}`), {})
})

const PERMIT = '@id("all")\npermit (principal, action, resource);\n'
const CASES = `given:
  principal: User::"ada"
  action: getAgent
  resource: Agent::"spiffe://example.test/tenant/globex/agent/trader"
cases:
  - name: everybody sees it
    expect: allow
    by: [all]
`

test('policies are tried, saved, put in force and taken back', async () => {
  const [file, stricter, cases] = ['acme.cedar', 'stricter.cedar', 'acme.cases.yaml'].map(name => join(folder, name))
  writeFileSync(file!, PERMIT)
  writeFileSync(
    stricter!,
    `${PERMIT}@id("unseen") forbid (principal, action == Lanyard::Action::"getAgent", resource);`,
  )
  writeFileSync(cases!, CASES)
  await type(`policy check ${file}`)
  await type(`policy test ${cases}`)
  const first = await type(`policy save ${file} --tenant globex`)
  const second = await type(`policy save ${stricter} --tenant globex`)
  await type(`policy activate ${first.version} --tenant globex`)
  await type(`policy shadow ${second.version} --tenant globex`)
  assert.equal((await type('policy list --tenant globex')).items.length, 2)
  assert.match((await type(`policy show ${second.version} --tenant globex`)).policies, /unseen/)
  await type(`policy diff ${first.version} ${second.version} --tenant globex`)
  const asked = `policy explain api-key:${(await type('whoami')).id} getAgent globex/trader --tenant globex`
  await type(asked)

  await type(`policy activate ${second.version} --tenant globex`)
  await type(asked, 1)
  assert.equal((await type('agent show globex trader', 1)).code, 'policy_denied')
  await type('policy rollback --tenant globex')
  await type(asked)
  await type('agent show globex trader')
})

test('the doctor finds nothing wrong, and points out what nobody sealed', async () => {
  const { ok, checks } = await type(`doctor --data ${data}`)
  assert.equal(ok, true)
  const statusOf = (code: string) => checks.find((one: { code: string }) => one.code === code)?.status
  for (const code of [
    'data_folder_private',
    'server_ready',
    'clock_skew',
    'tls_13_only',
    'tls_no_resumption',
    'root_age',
  ])
    assert.equal(statusOf(code), 'ok', code)
  for (const code of ['keys_sealed', 'admin_key_kept', 'api_key_narrow']) assert.equal(statusOf(code), 'warning', code)
})

test('the doctor does not mix the folder of one authority with the profile of another', async () => {
  const other = join(folder, 'other-data')
  mkdirSync(other, { mode: 0o700 })
  const { rootPem } = new TestCa()
  writeFileSync(join(other, 'root.pem'), rootPem, { mode: 0o600 })
  writeFileSync(join(folder, 'other.yaml'), `data: ${other}\nlisten: 127.0.0.1:1\n`)
  const alone = await type('doctor --config other.yaml', 1)
  const reached = ({ checks }: { checks: { code: string; detail: string }[] }) =>
    checks.find(({ code }) => code === 'server_reachable')!.detail
  assert.match(reached(alone), /^127\.0\.0\.1:1: /)
  assert.match(reached(await type('doctor --config other.yaml --profile default')), /proves itself under the root/)
})

test('a machine becomes a node, and a program on it an agent', { skip: process.platform !== 'linux' }, async t => {
  await type('agent create globex courier')
  const uid = process.getuid!()
  const entry = await type(`entry create globex/courier --selector unix:uid:${uid}`)
  assert.deepEqual(await type(`entry show ${entry.id}`), entry)
  assert.equal((await type(`entry update ${entry.id} --hint main --revision 1`)).hint, 'main')
  assert.equal((await type(`entry update ${entry.id} --hint other --revision 1`, 1)).code, 'revision_conflict')
  writeFileSync(join(folder, 'more.jsonl'), '{"tenant":"globex","agent":"courier","selectors":["unix:uid:4001"]}\n')
  const [second] = (await type('entry import more.jsonl')).items
  assert.equal((await type('entry list --tenant globex --agent courier')).items.length, 2)
  assert.deepEqual(await type(`entry delete ${second.id}`), {})

  await type('join-token create laptop --out join.token')
  const admin = join(folder, 'admin.sock')
  const at = `--socket unix://${folder}/api.sock --admin-socket ${admin} --data ${folder}/node --attestors unix`
  const authority = `--authority ${up.ready.url} --root-file ${up.ready.root_file} --join-token-file join.token`
  const stop = stopping(t)
  const ready = Promise.withResolvers<void>()
  const line = `daemon ${authority} ${at} --log-level silent --json`
  const io = { home: folder, cwd: folder, env: {}, stop: stop.signal, onOut: () => ready.resolve() }
  const running = lanyard(line.split(' '), io)
  await Promise.race([ready.promise, running])
  assert.equal((await type(`daemon status --admin-socket ${admin}`)).node.name, 'laptop')
  const explained = () => type(`entry explain --pid ${process.pid} --admin-socket ${admin}`)
  while ((await explained()).verdicts.length === 0) await new Promise(resolve => setTimeout(resolve, 10))
  assert.equal((await explained()).verdicts[0].code, 'workload_is_descendant')
  const launch = `run --entry ${entry.id} --admin-socket ${admin} -- /bin/sh -c exit\u00a07`
  assert.equal(
    (
      await lanyard(
        launch.split(' ').map(word => word.replace('\u00a0', ' ')),
        io,
      )
    ).exit,
    7,
  )

  assert.equal((await type(`svid --socket unix://${folder}/api.sock`, 1)).code, 'workload_is_descendant')

  const [node] = (await type('node list')).items
  assert.deepEqual(await type(`node show ${node.node}`), node)
  assert.deepEqual((await type(`node group ${node.node} --group prod`)).groups, ['prod'])
  assert.equal((await type(`node ban ${node.node} --reason lost`)).state, 'banned')
  stop.abort()
  assert.equal((await running).exit, 0)
  await type(`node unban ${node.node}`)
  assert.deepEqual(await type(`node remove ${node.node}`), {})
  used.add('daemon').add('run')
})

test('the bundle of a partner is set, listed and removed', async () => {
  const partner = new FakeTrustDomain('partner.example')
  writeFileSync(join(folder, 'partner.json'), partner.bundle.toJson())
  await type('bundle set partner.example partner.json')
  assert.equal((await type('bundle list')).items[0].trust_domain, 'partner.example')
  assert.deepEqual(await type('bundle remove partner.example'), {})
})

test('a second authority on the same folder is refused', async () => {
  const second = await startUp()
  assert.equal(second.ready.code, 'data_in_use')
  assert.match(await second.err, /error data_in_use/)
  assert.equal(await second.ended, 1)
})

test('a signal ends it in good order, and another start goes on where it was', async () => {
  const [first, code] = [up.ready, await stop(up)]
  assert.equal(code, 0)
  // Closed in good order, the store is one file, beside it the space that is kept for kills.
  assert.deepEqual(
    readdirSync(data).filter(name => name.startsWith('lanyard.db')),
    ['lanyard.db', 'lanyard.db-reserve'],
  )
  assert.equal((await up.out).trim().split('\n').length, 1)
  assert.match(await up.err, /warning: unsealed: /)
  assert.match(await up.err, /closed the empty folder/)
  rmSync(first.admin_key_file!)
  up = await startUp()
  assert.equal(up.ready.root_sha256, first.root_sha256)
  assert.equal(up.ready.admin_key_file, null)
  await type(`tenant show acme --url ${up.ready.url} --api-key-file /dev/null`, 2)
  assert.equal(await stop(up, 'SIGINT'), 0)
  assert.equal((await type('whoami', 3)).code, 'server_unreachable')
})

test('settings that cannot be used are refused before anything is touched', async () => {
  const wrong = await startUp({ LANYARD_LIMITS_CONECTIONS: '5' })
  assert.equal(wrong.ready.code, 'config_invalid')
  assert.match(wrong.ready.detail!, /nearest is LANYARD_LIMITS_CONNECTIONS/)
  assert.equal(await wrong.ended, 2)
})

test('every command was used', async () => {
  for (const entry of COMMANDS) {
    if (['demo', 'init', 'up'].includes(entry.name)) continue
    for (const { name } of await entry.load()) assert.ok(used.has(name), name)
  }
})
