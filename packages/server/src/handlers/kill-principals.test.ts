import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { generateKeyNow } from '@lanyard/protocol/node'
import type { CallOptions } from '../testing/client.ts'
import { csrOf } from '../testing/http.ts'
import { heldNode } from '../testing/nodes.ts'
import { bySecret, SecretAgent } from '../testing/secrets.ts'
import { peopleStage } from '../testing/stages.ts'

const { server, people, ok, refused } = await peopleStage()
for (const tenant of ['acme', 'globex']) await server.agent({ tenant, agent: 'a1' })
const issuer = await people.issuer()

let numbers = 0
const fresh = (text: string) => `${text}-${++numbers}`
const epoch = () => server.pipeline.store.read(() => server.pipeline.rows.epoch.current())

/** What a thief would make with a stolen credential, in a tenant: to stay when that is gone. */
async function footholds(by: CallOptions, tenant: string) {
  const key = await ok('POST /v1/api-keys', 201, { name: 'k', role: 'admin', tenant }, by)
  const second = await ok('POST /v1/api-keys', 201, { name: 'k', role: 'admin', tenant }, { token: key.key })
  const operator = fresh('thief')
  const binding = { kind: 'certificate', value: `dn:CN=${operator}`, role: 'admin', tenant }
  await ok('POST /v1/access/bindings', 201, binding, { token: second.key })
  const agent = fresh('secretive')
  await ok('POST /v1/agents', 201, { tenant, agent }, by)
  const secret = new SecretAgent(server, '', { tenant, agent })
  const first = await ok(`POST ${secret.path}/secret`, 201, undefined, by)
  const rotated = await secret.rotate(first.secret)
  const session = await secret.session(rotated.body.secret)
  assert.equal(session.status, 200, session.text)
  const opened = await ok('POST /v1/agent/bootstrap', 200, { tenant, agent: 'a1' }, by)
  const { token } = await ok('POST /v1/nodes/join-tokens', 201, { name: fresh('n'), tenant }, by)
  const unused = await ok('POST /v1/nodes/join-tokens', 201, { name: fresh('n'), tenant }, by)
  const machine = generateKeyNow('P-256')
  const joining = async (text: string) => ({ method: 'join_token', token: text, csr: await csrOf(machine) })
  const node = heldNode(machine, await ok('POST /v1/nodes/attest', 201, await joining(token)))
  return {
    join: async () => await server.call('POST /v1/nodes/attest', { body: await joining(unused.token) }),
    each: [
      ['a key', { token: key.key }, 'GET /v1/whoami'],
      ['a key of that', { token: second.key }, 'GET /v1/whoami'],
      ['somebody else', people.certificate(operator), 'GET /v1/whoami'],
      ['an agent by a secret', { token: session.body.token }, 'GET /v1/whoami'],
      ['a secret', bySecret(rotated.body.secret, undefined, { body: secret.key }), 'POST /v1/agent/session'],
      ['an agent', { token: opened.token }, 'GET /v1/whoami'],
      ['a machine', { tls: node, body: NOBODYS }, 'POST /v1/node/svids/jwt'],
    ] as readonly [string, CallOptions, string][],
  }
}

async function answers({ each }: Awaited<ReturnType<typeof footholds>>): Promise<string[]> {
  const alive: string[] = []
  for (const [what, options, line] of each) {
    const { status, body } = await server.call(line, options)
    // A machine that counts is told that it serves no such entry.
    if (status < 300 || body.code === 'entry_unknown') alive.push(what)
  }
  return alive
}

const NOBODYS = { entry: 'f'.repeat(32), audience: ['a'] }

describe('the kill of a principal', () => {
  test('leaves nothing that it made', async () => {
    const thief = await people.jwt(issuer, 'admin')
    const { body } = await server.call('GET /v1/whoami', thief)
    const made = await footholds(thief, 'acme')
    assert.equal((await answers(made)).length, 7)
    const before = await epoch()
    await ok('POST /v1/kill', 202, { minted_by: `principal:${body.id}`, reason: 'phished' })
    assert.equal(await epoch(), before + 1)
    assert.deepEqual(await answers(made), [])
    assert.equal((await made.join()).body.code, 'node_proof_invalid')
    await refused('principal_barred', 'GET /v1/agents', undefined, thief)
    const { items } = await ok('GET /v1/events?limit=50', 200)
    const types = new Set(items.map(({ type }: { type: string }) => type))
    for (const type of ['principal.barred', 'apikey.revoked', 'binding.deleted', 'node.banned', 'credential.killed'])
      assert.ok(types.has(type), type)
  })

  test('by who manages one tenant takes what it made there, and nothing else', async () => {
    const operator = await people.jwt(issuer, 'admin')
    const { body } = await server.call('GET /v1/whoami', operator)
    const [here, elsewhere] = [await footholds(operator, 'globex'), await footholds(operator, 'acme')]
    const token = await server.apiKey('admin', { tenant: 'globex' })
    await ok('POST /v1/kill', 202, { minted_by: `principal:${body.id}`, reason: 'x' }, { token })
    assert.deepEqual(await answers(here), [])
    assert.equal((await answers(elsewhere)).length, 7)
    assert.equal((await elsewhere.join()).status, 201)
    assert.equal((await here.join()).body.code, 'node_proof_invalid')
  })

  test('that is none is not found, and needs who may manage access', async () => {
    for (const id of ['x', '0'.repeat(31), 'A'.repeat(32)])
      await refused('not_found', 'POST /v1/kill', { minted_by: `principal:${id}`, reason: 'x' })
    const token = await server.apiKey('operator')
    await refused(
      'permission_missing',
      'POST /v1/kill',
      { minted_by: `principal:${'0'.repeat(32)}`, reason: 'x' },
      { token },
    )
    // One that was never here stays away when it comes.
    const newcomer = await people.jwt(issuer, 'auditor')
    const { body } = await server.call('GET /v1/whoami', newcomer)
    await ok('POST /v1/kill', 202, { minted_by: `principal:${body.id}`, reason: 'x' })
    await refused('principal_barred', 'GET /v1/whoami', undefined, newcomer)
  })

  test('spares the role by which its own killer acts', async () => {
    const first = await people.jwt(issuer, 'admin')
    const { body } = await server.call('GET /v1/whoami', first)
    const value = fresh('second')
    await ok('POST /v1/access/bindings', 201, { kind: 'user', issuer: issuer.id, value, role: 'admin' }, first)
    const second = { token: await issuer.provider.sign({ sub: value }) }
    await ok('POST /v1/kill', 202, { minted_by: `principal:${body.id}`, reason: 'x' }, second)
    await ok('GET /v1/agents', 200, undefined, second)
  })
})

test('the kill of an API key takes the roles that it gave', async () => {
  const key = await ok('POST /v1/api-keys', 201, { name: 'k', role: 'admin' })
  const made = await footholds({ token: key.key }, 'acme')
  await ok('POST /v1/kill', 202, { minted_by: `api-key:${key.id}`, reason: 'x' })
  assert.deepEqual(await answers(made), [])
})
