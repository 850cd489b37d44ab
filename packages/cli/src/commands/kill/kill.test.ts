import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Problem, refuse } from '../../problem.ts'
import { FakeAuthority } from '../../testing/fake-authority.ts'
import { lanyard, type World } from '../../testing/fake-io.ts'
import { send } from './send.ts'

const folder = mkdtempSync(join(tmpdir(), 'lanyard-kill-'))
const KILL = 'POST /v1/agents/{tenant}/{agent}/kill'.replace('{tenant}', 'acme').replace('{agent}', 'invoice')
const AT = '2026-11-21T10:00:00.000Z'
let authority: FakeAuthority

before(async () => {
  authority = await FakeAuthority.start()
})
after(() => {
  authority.stop()
  rmSync(folder, { recursive: true })
})

const killed = (incident: string) => ({ incident, epoch: 7, at: AT })
const killedAs = ({ body }: { body: unknown }) => ({
  status: 202,
  body: killed((body as { incident: string }).incident),
})

/** A command line, words split at blanks; what the authority heard is from the third request on, after the root. */
async function type(line: string, world: World = {}) {
  authority.heard.length = 0
  const ran = await lanyard(line.split(' '), { env: authority.env(), cwd: folder, ...world })
  return { ...ran, calls: authority.heard.filter(({ path }) => path !== '/v1/root.pem') }
}

test('each target is the call that it needs', async () => {
  const targets: readonly (readonly [line: string, call: string, body: object])[] = [
    ['acme/invoice', KILL, {}],
    ['acme/invoice --scope api-key', KILL, { scope: 'api-key' }],
    ['--tenant acme', 'POST /v1/tenants/acme/kill', {}],
    ['--serial 00ff --ttl 60', 'POST /v1/kill', { serial: '00ff', ttl_sec: 60 }],
    ['--lineage 00ff', 'POST /v1/kill', { lineage: '00ff' }],
    ['--key abc', 'POST /v1/kill', { key_thumbprint: 'abc' }],
    ['--minted-by api-key:1', 'POST /v1/kill', { minted_by: 'api-key:1' }],
  ]
  for (const [line, call, more] of targets) {
    authority.answers[call] = killedAs
    const { exit, calls, err, out } = await type(`kill ${line} --reason test --json`)
    assert.equal(exit, 0, err)
    const [heard] = calls
    assert.equal(`${heard?.method} ${heard?.path}`, call)
    const { incident, ...body } = heard!.body as { incident: string }
    assert.match(incident, /^kill-[0-9a-f]{16}$/)
    assert.deepEqual(body, { reason: 'test', ...more })
    assert.deepEqual(JSON.parse(out), killed(incident))
  }
})

test('what is not clear kills nobody', async () => {
  const unclear = [
    'acme',
    'acme/a/b',
    '/a',
    '',
    'acme/a --tenant acme',
    '--serial 1 --lineage 2',
    '--tenant t --scope source',
  ]
  for (const line of unclear) {
    const { exit, calls } = await type(`kill ${line} --reason test`.replace('  ', ' '))
    assert.equal(exit, 2, line)
    assert.deepEqual(calls, [])
  }
  assert.match((await type('kill acme --reason test')).err, /for all agents of a tenant: --tenant acme/)
  assert.equal((await type('kill acme/invoice')).exit, 2, 'without a reason')
})

test('evidence is a JSON object, from a file or from standard input', async () => {
  authority.answers[KILL] = killedAs
  writeFileSync(join(folder, 'evidence.json'), '{"rule":"spam"}')
  const lines = [
    `kill acme/invoice --reason r --evidence ${folder}/evidence.json`,
    'kill acme/invoice --reason r --evidence -',
  ]
  for (const line of lines) {
    const { calls, err } = await type(line, { stdin: '{"rule":"spam"}' })
    assert.deepEqual((calls[0]!.body as { snapshot: unknown }).snapshot, { rule: 'spam' }, err)
  }
  for (const stdin of ['[]', 'null', '"x"', '{']) assert.equal((await type(lines[1]!, { stdin })).exit, 2, stdin)
})

test('a lost reply is asked for again, as the same incident; a refusal is not', async () => {
  let tries = 0
  authority.answers[KILL] = heard =>
    tries++ === 0 ? { status: 503, body: { code: 'store_unavailable' } } : killedAs(heard)
  const { exit, calls } = await type('kill acme/invoice --reason test')
  assert.equal(exit, 0)
  assert.equal(calls.length, 2)
  assert.deepEqual(calls[0]?.body, calls[1]?.body)

  authority.answers[KILL] = { status: 409, body: { code: 'incident_conflict', detail: 'another kill has it' } }
  const refused = await type('kill acme/invoice --reason test --incident mine-12345')
  assert.equal(refused.exit, 1)
  assert.equal(refused.calls.length, 1)
  assert.deepEqual(refused.calls[0]?.body, { reason: 'test', incident: 'mine-12345' })
})

test('who got no answer at all is told how to ask again', async () => {
  const call = () => Promise.reject(refuse('server_unreachable', 'no reply'))
  const notes: string[] = []
  const sending = { incident: 'kill-1', waits: [0, 0], note: (text: string) => notes.push(text) }
  await assert.rejects(send(call, sending), ({ problem }: { problem: Problem }) => {
    assert.deepEqual([problem.code, problem.incident], ['server_unreachable', 'kill-1'])
    return /--incident kill-1$/.test(problem.remedy ?? '')
  })
  assert.deepEqual(notes, ['no reply; asking again', 'no reply; asking again'])
})

const point = (name: string, outcome: string, more: object = {}) => ({
  point: `00000000-0000-4000-8000-${name.padStart(12, '0')}`,
  spiffe_id: `spiffe://example.org/tenant/acme/agent/s${name}`,
  outcome,
  applied_at: null,
  offset_ms: 2,
  uncertainty_ms: 1,
  cut: null,
  last_accept: null,
  fails_closed_by: null,
  ...more,
})
const applied = (name: string) =>
  point(name, 'applied', { applied_at: '2026-11-21T10:00:00.034Z', cut: 2, last_accept: '2026-11-21T09:59:59.990Z' })
const incident = (more: object) => ({
  incident: 'kill-watched',
  tenant: 'acme',
  target: { kind: 'agent', value: 'acme/invoice' },
  scope: 'agent',
  reason: 'evil \u001b[2J',
  opened_by: 'api-key:1',
  at: AT,
  epoch: 7,
  state: 'open',
  closed_at: null,
  ttl_until: null,
  revoked: 3,
  unguarded_until: '2026-11-21T10:05:00Z',
  steps: [{ step: 'registry', state: 'done', at: '2026-11-21T10:00:00.003Z', instance: 'i1', detail: {} }],
  acknowledgements: [],
  receipt: null,
  ...more,
})
const closed = { state: 'closed', closed_at: '2026-11-21T10:00:10Z', receipt: 'e30.e30.AAAA' }

/** Each look sees the next of these, and then the last for ever. */
function willShow(...seen: object[]): void {
  authority.answers['GET /v1/incidents/kill-watched'] = () => ({ body: seen.length > 1 ? seen.shift() : seen[0] })
}

test('--watch tells each thing once, ends with the incident, and says by its exit code who has not confirmed', async () => {
  authority.answers[KILL] = { status: 202, body: killed('kill-watched') }
  const first = incident({ acknowledgements: [applied('1'), point('2', 'waiting')] })
  willShow(first, first, incident({ ...closed, acknowledgements: [applied('1'), applied('2'), point('5', 'killed')] }))
  const { exit, out } = await type('kill acme/invoice --reason r --watch --json --receipt r.jws')
  assert.equal(exit, 0)
  const told = out
    .trim()
    .split('\n')
    .map(line => Object.keys(JSON.parse(line))[0])
  assert.deepEqual(told, ['incident', 'step', 'acknowledgement', 'acknowledgement', 'acknowledgement', 'incident'])
  assert.equal(readFileSync(join(folder, 'r.jws'), 'utf8'), 'e30.e30.AAAA\n')
  assert.equal(statSync(join(folder, 'r.jws')).mode & 0o777, 0o600)

  const silent = point('3', 'silent', { fails_closed_by: '2026-11-21T10:00:09Z' })
  willShow(incident({ ...closed, acknowledgements: [applied('1'), silent, point('4', 'best_effort')] }))
  const shown = await type('kill acme/invoice --reason r --watch', { now: () => Date.parse(AT) })
  assert.equal(shown.exit, 4)
  assert.match(shown.out, /^killed acme\/invoice, incident kill-watched, epoch 7/)
  assert.match(shown.out, /\+34 ms applied spiffe:\S+s1 2 connections cut, last accept -10 ms/)
  assert.match(shown.out, /silent spiffe:\S+s3 fails closed by 2026-11-21T10:00:09Z/)
  assert.match(shown.out, /1 of 3 enforcement points applied, 1 silent, 1 best effort; .* until 2026-11-21T10:05:00Z/)
})

test('a card of an incident shows nothing that others could write as an escape sequence', async () => {
  willShow(incident({ ...closed, acknowledgements: [applied('1')] }))
  const { exit, out } = await type('incident show kill-watched')
  assert.equal(exit, 0)
  assert.ok(!out.includes('\u001b'))
  for (const part of [
    'acme/invoice, scope agent',
    'epoch 7',
    '3 certificates',
    '+34 ms',
    '-10 ms',
    '+2 ms ± 1 ms',
    'registry',
  ])
    assert.ok(out.includes(part), part)
})

test('a receipt that is not signed may be there later', async () => {
  willShow(incident({}))
  const early = await type('receipt get kill-watched --json')
  assert.equal(early.exit, 3)
  assert.equal(JSON.parse(early.out).code, 'receipt_pending')
  willShow(incident(closed))
  assert.equal((await type('receipt get kill-watched')).out, 'e30.e30.AAAA\n')
})

test('reinstating an agent, or a tenant', async () => {
  const agent = { tenant: 'acme', agent: 'invoice', incarnation: 2 }
  authority.answers['POST /v1/agents/acme/invoice/reinstate'] = { body: agent }
  authority.answers['POST /v1/tenants/acme/reinstate'] = { body: { tenant: 'acme', agents: 3 } }
  assert.match((await type('reinstate acme/invoice --reason r')).out, /^reinstated acme\/invoice, incarnation 2/)
  assert.match((await type('reinstate --tenant acme --reason r')).out, /3 agents may bootstrap again/)
  assert.equal((await type('reinstate --reason r')).exit, 2)
  assert.equal((await type('reinstate acme/invoice --tenant acme --reason r')).exit, 2)
})

test('points, services and instances are shown as they stand', async () => {
  const now = Date.now()
  const time = (ms: number) => new Date(now + ms).toISOString()
  const leased = { leased_until: time(60_000) }
  const row = {
    point: 'p',
    spiffe_id: 'spiffe://x/a',
    tenant: 'acme',
    name: 'web',
    mode: 'guarded',
    budget_ms: 3000,
    enrolled_at: time(0),
    ...leased,
    epoch: 7,
    as_of: time(-500),
    offset_ms: -3,
    uncertainty_ms: 1,
    sessions: 12,
  }
  authority.answers['GET /v1/feed/points'] = {
    body: { items: [row, { ...row, leased_until: time(-120_000), as_of: null, offset_ms: null }], next_cursor: null },
  }
  const { out } = await type('points')
  assert.match(out, /spiffe:\/\/x\/a +web +guarded +(1 min|\d+ s) left +7 +\d+ ms +3\.0 s +-3 ms ± 1 ms +12\n/)
  assert.match(out, /lapsed 2 min/)
  authority.answers['GET /v1/services'] = {
    body: {
      items: [{ spiffe_id: 'spiffe://x/a', tenant: 'acme', agent: 'a', url: 'https://a', since: time(0), ...leased }],
      next_cursor: null,
    },
  }
  assert.match((await type('service list')).out, /acme\/a +https:\/\/a/)
  const instance = { instance: 'i1', state: 'serving', seen_at: time(0), created_at: time(0), evicted_at: null }
  authority.answers['GET /v1/instances'] = { body: { items: [instance] } }
  assert.match((await type('instance list')).out, /i1 +serving/)
  authority.answers['POST /v1/instances/i1/evict'] = { status: 202, body: killed('evict-1') }
  assert.match((await type('instance evict i1 --reason r')).out, /^evicted i1, incident evict-1, epoch 7/)
})
