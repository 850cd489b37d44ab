import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { FakeAuthority, type Heard } from '../../testing/fake-authority.ts'
import { lanyard } from '../../testing/fake-io.ts'
import { readEntries } from './import.ts'

const folder = mkdtempSync(join(tmpdir(), 'lanyard-entry-'))
let authority: FakeAuthority

const ENTRY = {
  id: 'e1',
  revision: 3,
  tenant: 'acme',
  agent: 'invoice',
  spiffe_id: 'spiffe://example.org/tenant/acme/agent/invoice',
  selectors: ['unix:uid:1001', 'unix:path:/usr/bin/node'],
  parent: null,
  x509_ttl_sec: 120,
  jwt_ttl_sec: null,
  dns_names: [],
  hint: null,
  federates_with: ['partner.example'],
  expires_at: null,
  children: false,
  replicas: 2,
  created_at: '2026-11-21T10:00:00.000Z',
  updated_at: '2026-11-21T10:00:00.000Z',
}
const NODE = {
  node: '7c1e09b2d4f85a367c1e09b2d4f85a36',
  name: 'web-1',
  spiffe_id: 'spiffe://example.org/lanyard/node/web-1',
  tenant: null,
  groups: ['prod'],
  method: 'join_token',
  key_thumbprint: 'abc',
  state: 'attested',
  attested_at: '2026-11-21T10:00:00.000Z',
  renewed_at: '2026-11-21T10:00:00.000Z',
  not_after: '2026-11-21T11:00:00.000Z',
  banned_at: null,
  ban_reason: null,
}
const BUNDLE = { trust_domain: 'partner.example', bundle: '{"keys":[{},{}]}', updated_at: '2026-11-21T10:00:00.000Z' }
const TOKEN = { token: 'SECRET', name: 'web-1', tenant: null, expires_at: '2026-11-21T10:10:00.000Z' }

before(async () => {
  authority = await FakeAuthority.start()
  const page = (item: object) => ({ body: { items: [item], next_cursor: null } })
  Object.assign(authority.answers, {
    'POST /v1/entries': { status: 201, body: ENTRY },
    'GET /v1/entries': page(ENTRY),
    'GET /v1/entries/e1': { body: ENTRY },
    'PATCH /v1/entries/e1': { body: ENTRY },
    'DELETE /v1/entries/e1': { status: 204 },
    'POST /v1/entries/batch': ({ body }: Heard) => ({
      status: 201,
      body: { items: (body as { entries: [] }).entries },
    }),
    'GET /v1/nodes': page(NODE),
    'GET /v1/nodes/7c1e09b2d4f85a367c1e09b2d4f85a36': { body: NODE },
    'PATCH /v1/nodes/7c1e09b2d4f85a367c1e09b2d4f85a36': { body: NODE },
    'POST /v1/nodes/7c1e09b2d4f85a367c1e09b2d4f85a36/ban': {
      body: { ...NODE, state: 'banned', banned_at: NODE.not_after, ban_reason: 'r' },
    },
    'POST /v1/nodes/7c1e09b2d4f85a367c1e09b2d4f85a36/unban': { body: NODE },
    'DELETE /v1/nodes/7c1e09b2d4f85a367c1e09b2d4f85a36': { status: 204 },
    'POST /v1/nodes/join-tokens': { status: 201, body: TOKEN },
    'POST /v1/bundles': { status: 201, body: BUNDLE },
    'GET /v1/bundles': { body: { items: [BUNDLE] } },
    'DELETE /v1/bundles/partner.example': { status: 204 },
  })
})
after(() => {
  authority.stop()
  rmSync(folder, { recursive: true })
})

async function type(line: string, stdin = '') {
  authority.heard.length = 0
  const ran = await lanyard(line.split(' '), { env: authority.env(), cwd: folder, stdin })
  return { ...ran, calls: authority.heard.filter(({ path }) => path !== '/v1/root.pem') }
}

const BY_ID = { spiffe_id: ENTRY.spiffe_id }
const BY_NAME = { tenant: 'acme', agent: 'invoice' }
const UID = { selectors: ['unix:uid:1001'] }

/** Each command line, the call that it makes, and what a person sees of the reply. */
const CALLS: readonly (readonly [line: string, call: string, body: unknown, shown: RegExp])[] = [
  ['entry create acme/invoice --selector unix:uid:1001', 'POST /v1/entries', { ...BY_NAME, ...UID }, /2 at a time/],
  [`entry create ${BY_ID.spiffe_id} --selector unix:uid:1001`, 'POST /v1/entries', { ...BY_ID, ...UID }, /120 s/],
  [
    'entry create acme/invoice --selector unix:uid:1001 --selector unix:gid:5 --parent node:web-1 --x509-ttl 120 --jwt-ttl 60 --dns a.example --hint main --federates partner.example --expires 2027-01-01T00:00:00Z --children --replicas 4',
    'POST /v1/entries',
    {
      ...BY_NAME,
      selectors: ['unix:uid:1001', 'unix:gid:5'],
      parent: 'node:web-1',
      x509_ttl_sec: 120,
      jwt_ttl_sec: 60,
      dns_names: ['a.example'],
      hint: 'main',
      federates_with: ['partner.example'],
      expires_at: '2027-01-01T00:00:00Z',
      children: true,
      replicas: 4,
    },
    /partner\.example/,
  ],
  ['entry list --tenant acme --selector unix:uid:1001', 'GET /v1/entries', undefined, /main ×2/],
  ['entry show e1', 'GET /v1/entries/e1', undefined, /revision 3/],
  ['entry update e1 --hint web', 'PATCH /v1/entries/e1', { hint: 'web' }, /revision 3/],
  [
    'entry update e1 --unset parent --unset dns --no-children --revision 3',
    'PATCH /v1/entries/e1',
    { parent: null, dns_names: [], children: false, revision: 3 },
    /e1/,
  ],
  ['entry delete e1', 'DELETE /v1/entries/e1', undefined, /^deleted e1/],
  ['node list', 'GET /v1/nodes', undefined, /web-1/],
  [
    'node show 7c1e09b2d4f85a367c1e09b2d4f85a36',
    'GET /v1/nodes/7c1e09b2d4f85a367c1e09b2d4f85a36',
    undefined,
    /every tenant/,
  ],
  [
    'node group 7c1e09b2d4f85a367c1e09b2d4f85a36 --group a --group b',
    'PATCH /v1/nodes/7c1e09b2d4f85a367c1e09b2d4f85a36',
    { groups: ['a', 'b'] },
    /prod/,
  ],
  [
    'node group 7c1e09b2d4f85a367c1e09b2d4f85a36',
    'PATCH /v1/nodes/7c1e09b2d4f85a367c1e09b2d4f85a36',
    { groups: [] },
    /prod/,
  ],
  [
    'node ban 7c1e09b2d4f85a367c1e09b2d4f85a36 --reason r',
    'POST /v1/nodes/7c1e09b2d4f85a367c1e09b2d4f85a36/ban',
    { reason: 'r' },
    /banned/,
  ],
  [
    'node unban 7c1e09b2d4f85a367c1e09b2d4f85a36',
    'POST /v1/nodes/7c1e09b2d4f85a367c1e09b2d4f85a36/unban',
    undefined,
    /attested/,
  ],
  [
    'node remove 7c1e09b2d4f85a367c1e09b2d4f85a36',
    'DELETE /v1/nodes/7c1e09b2d4f85a367c1e09b2d4f85a36',
    undefined,
    /^removed 7c1e/,
  ],
  [
    'join-token create web-1 --tenant acme --group prod --ttl 60',
    'POST /v1/nodes/join-tokens',
    { name: 'web-1', tenant: 'acme', groups: ['prod'], ttl_sec: 60 },
    /^SECRET\n$/,
  ],
  ['bundle list', 'GET /v1/bundles', undefined, /partner\.example\s+2/],
  ['bundle remove partner.example', 'DELETE /v1/bundles/partner.example', undefined, /^removed/],
]

for (const [line, call, body, shown] of CALLS)
  test(`lanyard ${line.slice(0, 70)}`, async () => {
    const { exit, out, err, calls } = await type(line)
    assert.equal(exit, 0, err)
    assert.match(out, shown)
    assert.equal(`${calls[0]?.method} ${calls[0]?.path.split('?')[0]}`, call)
    assert.deepEqual(calls[0]?.body, body)
    const program = await type(`--json ${line}`)
    assert.equal(typeof JSON.parse(program.out), 'object')
  })

for (const [line, says] of [
  ['entry create acme/invoice', /--selector is missing/],
  ['entry create acme --selector unix:uid:1', /expected TENANT\/AGENT/],
  ['entry update e1', /nothing to change/],
  ['entry update e1 --unset selectors', /--unset: expected parent, /],
  ['entry explain --pid 0', /expected the number of a process/],
  ['node ban 7c1e09b2d4f85a367c1e09b2d4f85a36', /--reason is missing/],
  ['daemon status --daemon-uid root', /--daemon-uid: expected a number/],
] as const)
  test(`misuse: lanyard ${line}`, async () => {
    const { exit, err, calls } = await type(line)
    assert.equal(exit, 2, err)
    assert.match(err, says)
    assert.deepEqual(calls, [])
  })

test('a node is named by its name, where one has it, or by its id', async () => {
  const { calls } = await type('node ban web-1 --reason r')
  assert.deepEqual(
    calls.map(({ method, path }) => `${method} ${path}`),
    ['GET /v1/nodes?name=web-1&limit=3', `POST /v1/nodes/${NODE.node}/ban`],
  )
  const given = authority.answers['GET /v1/nodes']!
  authority.answers['GET /v1/nodes'] = { body: { items: [NODE, { ...NODE, node: 'other' }], next_cursor: null } }
  const two = await type('node ban web-1 --reason r')
  authority.answers['GET /v1/nodes'] = given
  assert.equal(two.exit, 2)
  assert.match(two.err, /several nodes are called web-1: give the id, 7c1e\w+ or other/)
})

test('a join token goes into a file of its owner alone, and is not shown', async () => {
  const { exit, out, err } = await type('join-token create web-1 --out join.token --json')
  assert.equal(exit, 0, err)
  assert.ok(!(out + err).includes('SECRET'))
  assert.equal(readFileSync(join(folder, 'join.token'), 'utf8'), 'SECRET\n')
  assert.equal(statSync(join(folder, 'join.token')).mode & 0o777, 0o600)
})

test('a bundle comes from a file or from standard input', async () => {
  writeFileSync(join(folder, 'partner.json'), BUNDLE.bundle)
  const { trust_domain, bundle } = BUNDLE
  for (const [line, stdin] of [
    ['bundle set partner.example partner.json', ''],
    ['bundle set partner.example -', bundle],
  ] as const)
    assert.deepEqual((await type(line, stdin)).calls[0]?.body, { trust_domain, bundle })
})

test('many entries go in hundreds, with progress, from each form that JSON may have', async () => {
  const many = Array.from({ length: 250 }, (_, i) => ({ ...BY_NAME, selectors: [`unix:uid:${i}`] }))
  const lines = many.map(entry => JSON.stringify(entry)).join('\n')
  for (const stdin of [lines, JSON.stringify(many), JSON.stringify({ items: many, next_cursor: null })]) {
    const { exit, err, out, calls } = await type('entry import - --json', stdin)
    assert.equal(exit, 0, err)
    assert.deepEqual(
      calls.map(({ body }) => (body as { entries: unknown[] }).entries.length),
      [100, 100, 50],
    )
    assert.equal(err, '100 of 250 registered\n200 of 250 registered\n250 of 250 registered\n')
    assert.equal(JSON.parse(out).items.length, 250)
  }
})

test('what a list showed can be imported', () => {
  const { id: _, revision: _r, created_at: _c, updated_at: _u, spiffe_id: _s, ...rest } = ENTRY
  assert.deepEqual(readEntries(JSON.stringify({ items: [ENTRY] })), [rest])
  assert.deepEqual(readEntries(JSON.stringify({ ...UID, ...BY_ID })), [{ ...UID, ...BY_ID }])
})

test('long entries go in requests that the authority takes', async () => {
  const long = Array.from({ length: 40 }, (_, i) => ({ ...BY_NAME, selectors: [`unix:path:/${i}${'x'.repeat(4000)}`] }))
  const { calls } = await type('entry import -', JSON.stringify(long))
  assert.ok(calls.length > 1)
  for (const { body } of calls) assert.ok(JSON.stringify(body).length < 60_000)
})

test('a refusal tells how many are registered already', async () => {
  const many = Array.from({ length: 150 }, (_, i) => ({ ...BY_NAME, selectors: [`unix:uid:${i}`] }))
  const given = authority.answers['POST /v1/entries/batch']!
  let batches = 0
  authority.answers['POST /v1/entries/batch'] = heard =>
    ++batches === 1 && typeof given === 'function'
      ? given(heard)
      : { status: 409, body: { code: 'entry_exists', title: 'It exists', detail: 'entry 3' } }
  const { exit, out } = await type('entry import - --json', JSON.stringify(many))
  authority.answers['POST /v1/entries/batch'] = given
  assert.equal(exit, 1)
  const { code, registered, detail } = JSON.parse(out)
  assert.deepEqual([code, registered, detail], ['entry_exists', 100, 'entry 3 (100 of 150 are registered)'])
})

test('a refused entry is named by its line in the file, or by its number in a list, from 1', async () => {
  const many = Array.from({ length: 150 }, (_, i) => JSON.stringify({ ...BY_NAME, selectors: [`unix:uid:${i}`] }))
  const given = authority.answers['POST /v1/entries/batch']!
  const detailOf = async (stdin: string) => {
    let batches = 0
    authority.answers['POST /v1/entries/batch'] = heard =>
      ++batches === 1 && typeof given === 'function'
        ? given(heard)
        : { status: 400, body: { code: 'body_invalid', title: 'Not as declared', detail: 'entries.4.selectors: none' } }
    const { out } = await type('entry import - --json', stdin)
    authority.answers['POST /v1/entries/batch'] = given
    return JSON.parse(out).detail
  }
  assert.equal(await detailOf(`\n${many.join('\n')}`), 'line 106: selectors: none (100 of 150 are registered)')
  assert.equal(await detailOf(`[${many}]`), 'entry 105: selectors: none (100 of 150 are registered)')
})

for (const [written, says] of [
  ['', /at least one entry/],
  ['[]', /at least one entry/],
  ['[1]', /entry 1: expected an object/],
  ['{"a":1}\nnonsense', /line 2: expected one JSON object/],
] as const)
  test(`no entries: ${JSON.stringify(written)}`, () => assert.throws(() => readEntries(written), { message: says }))
