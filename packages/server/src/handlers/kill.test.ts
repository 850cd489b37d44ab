import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { jwkFromSpki, jwkThumbprint } from '@lanyard/protocol'
import { generateKeyNow, nodeCrypto, spkiOf } from '@lanyard/protocol/node'
import { csrOf, type Held, openHttp, pemOf } from '../testing/http.ts'
import { adminStage } from '../testing/stages.ts'

const { server, admin, call, ok, refused } = await adminStage()

let made = 0
/** An agent of its own for each test, with a certificate. */
async function someone(tenant = `t${++made}`, agent = 'a1'): Promise<{ tenant: string; agent: string; held: Held }> {
  await server.agent({ tenant, agent })
  return { tenant, agent, held: await server.certificate({ tenant, agent }) }
}

const kill = (body: object) => ({ reason: 'test', ...body })
const whoami = async (held: Held) => {
  const { status, body } = await server.call('GET /v1/whoami', { tls: held })
  return status === 200 ? 'alive' : body.code
}
const thumbprintOf = ({ privateKey }: Held) => jwkThumbprint(jwkFromSpki(spkiOf(privateKey)), nodeCrypto)
const lineageOf = async ({ serial }: Held): Promise<string> =>
  (await ok(`GET /v1/certificates?serial=${serial}`, 200)).items[0].lineage
const epoch = () => server.pipeline.store.read(() => server.pipeline.rows.epoch.current())
const deathsSince = (since: number) => server.pipeline.store.read(() => server.pipeline.rows.deaths.since(since, 1000))

describe('the kill of an agent', () => {
  test('is one transaction: lifecycle, incarnation, revocations, deaths, epoch, events, incident', async () => {
    const { tenant, agent, held } = await someone()
    const before = await epoch()
    const answer = await ok(`POST /v1/agents/${tenant}/${agent}/kill`, 202, kill({}))
    assert.equal(answer.epoch, before + 1)
    const state = await ok(`GET /v1/agents/${tenant}/${agent}`, 200)
    assert.deepEqual([state.lifecycle, state.incarnation], ['quarantined', 1])
    const [certificate] = (await ok(`GET /v1/certificates?serial=${held.serial}`, 200)).items
    assert.deepEqual([certificate.alive, certificate.revoked_reason], [false, 'test'])
    assert.equal(await whoami(held), 'agent_quarantined')
    const deaths = await deathsSince(before)
    assert.deepEqual(
      deaths.map(({ kind, value, through, reborn, epoch, until }) => ({ kind, value, through, reborn, epoch, until })),
      [{ kind: 'agent', value: state.spiffe_id, through: 1, reborn: 0, epoch: answer.epoch, until: null }],
    )
    const { items } = await ok(`GET /v1/events?tenant=${tenant}&limit=10`, 200)
    const types = items.map(({ type }: { type: string }) => type)
    for (const type of ['incident.opened', 'agent.quarantined']) assert.ok(types.includes(type), type)
    const incident = await ok(`GET /v1/incidents/${answer.incident}`, 200)
    assert.deepEqual(
      [incident.tenant, incident.target, incident.scope, incident.revoked],
      [tenant, { kind: 'agent', value: `${tenant}/${agent}` }, 'agent', 1],
    )
    assert.equal(Date.parse(incident.unguarded_until), Date.parse(certificate.not_after) + 1000)
  })

  test('is answered again for the very same request, and another one with its name is a conflict', async () => {
    const { tenant, agent } = await someone()
    const other = await someone()
    const path = `POST /v1/agents/${tenant}/${agent}/kill`
    const body = kill({ incident: `kill-test-${tenant}`, snapshot: { a: 1, b: [2, { c: 3 }] } })
    const first = await ok(path, 202, body)
    const between = await epoch()
    const again = kill({ snapshot: { b: [2, { c: 3 }], a: 1 }, incident: `kill-test-${tenant}` })
    assert.deepEqual(await ok(path, 202, again), first)
    assert.equal(await epoch(), between)
    await refused('incident_conflict', path, { ...body, reason: 'another' })
    await refused('incident_conflict', `POST /v1/agents/${other.tenant}/${other.agent}/kill`, body)
    assert.equal(await whoami(other.held), 'alive')
    // The same words by whom the incident does not concern.
    const token = await server.apiKey('admin', { tenant: other.tenant })
    const stolen = kill({ incident: `kill-test-${tenant}` })
    await refused('incident_conflict', `POST /v1/agents/${other.tenant}/${other.agent}/kill`, stolen, { token })
    await refused('not_found', `GET /v1/incidents/kill-test-${tenant}`, undefined, { token })
  })

  test('is refused for whom there is not, was, or is no business of the caller', async () => {
    const { tenant } = await someone()
    await refused('agent_unknown', `POST /v1/agents/${tenant}/nobody/kill`, kill({}))
    await refused('tenant_unknown', 'POST /v1/agents/nowhere/nobody/kill', kill({}))
    await refused('name_invalid', `POST /v1/agents/${tenant}/No/kill`, kill({}))
    const gone = await someone()
    await call(`DELETE /v1/agents/${gone.tenant}/${gone.agent}`)
    await refused('agent_retired', `POST /v1/agents/${gone.tenant}/${gone.agent}/kill`, kill({}))
    for (const body of [{}, kill({ scope: 'world' }), kill({ incident: 'Bad' }), kill({ ttl_sec: 1 })])
      await refused('body_invalid', `POST /v1/agents/${tenant}/a1/kill`, body)
    await refused('body_invalid', `POST /v1/agents/${tenant}/a1/kill`, kill({ snapshot: { text: 'x'.repeat(33_000) } }))
  })

  test('leads back by reinstatement alone, and nothing old revives', async () => {
    const { tenant, agent, held } = await someone()
    const token = await server.token({ tenant, agent })
    await ok(`POST /v1/agents/${tenant}/${agent}/kill`, 202, kill({}))
    await refused('agent_quarantined', 'POST /v1/agent/bootstrap', { tenant, agent })
    const before = await epoch()
    const back = await ok(`POST /v1/agents/${tenant}/${agent}/reinstate`, 200, { reason: 'looked into it' })
    assert.deepEqual([back.lifecycle, back.incarnation], ['pending', 2])
    assert.equal(await whoami(held), 'incarnation_dead')
    const csr = await csrOf(generateKeyNow('P-256'))
    const byToken = await server.call('POST /v1/agent/auth/cert', { token, body: { csr } })
    assert.equal(byToken.body.code, 'incarnation_dead')
    const [death] = await deathsSince(before)
    assert.deepEqual([death?.through, death?.reborn], [1, 2])
    assert.ok(death!.until! > server.clock.now())
    assert.equal(await whoami(await server.certificate({ tenant, agent })), 'alive')
    await ok(`POST /v1/agents/${tenant}/${agent}/kill`, 202, kill({}))
    const [second] = await deathsSince(before + 1)
    assert.deepEqual([second?.through, second?.reborn, second?.until], [2, 2, null])
  })

  test('with scope api-key takes the key, all keys that it made, and what these opened', async () => {
    const [tenant, agent] = [`t${++made}`, 'a1']
    const other = { tenant, agent: 'b2' }
    for (const key of [{ tenant, agent }, other]) await server.agent(key)
    const parent = await ok('POST /v1/api-keys', 201, { name: 'k', role: 'admin', tenant })
    const child = await ok('POST /v1/api-keys', 201, { name: 'c', role: 'issuer' }, { token: parent.key })
    const issued = await Promise.all([
      certificateBy(parent.key, { tenant, agent }),
      certificateBy(parent.key, other),
      certificateBy(child.key, other),
    ])
    const spared = await server.certificate(other)
    await ok(`POST /v1/agents/${tenant}/${agent}/kill`, 202, kill({ scope: 'api-key' }))
    assert.deepEqual(await Promise.all(issued.map(whoami)), [
      'agent_quarantined',
      'certificate_revoked',
      'certificate_revoked',
    ])
    // Opened by a key of all tenants, which this harness bootstraps with.
    assert.equal(await whoami(spared), 'alive')
    assert.equal((await ok(`GET /v1/agents/${tenant}/b2`, 200)).lifecycle, 'active')
    for (const key of [parent.key, child.key])
      await refused('unauthenticated', 'GET /v1/whoami', undefined, { token: key })
  })

  test('with scope api-key spares a key that reaches further than the caller, and ends what it opened', async () => {
    const { tenant, agent } = await someone()
    const issued = await certificateBy(admin, { tenant, agent })
    const token = await server.apiKey('operator', { tenant })
    await ok(`POST /v1/agents/${tenant}/${agent}/kill`, 202, kill({ scope: 'api-key' }), { token })
    assert.equal(await whoami(issued), 'agent_quarantined')
    const { id } = await ok('GET /v1/whoami', 200)
    const { items } = await ok(`GET /v1/events?tenant=${tenant}&type=incident.opened`, 200)
    assert.deepEqual(items[0].detail.spared_api_keys, [id])
  })

  test('with scope api-key spares the key that asks and the one that made it, and ends what they opened', async () => {
    const [tenant, agent] = [`t${++made}`, 'a1']
    await server.agent({ tenant, agent })
    const parent = await ok('POST /v1/api-keys', 201, { name: 'p', role: 'admin', tenant })
    const own = await ok('POST /v1/api-keys', 201, { name: 'o', role: 'admin' }, { token: parent.key })
    const issued = [await certificateBy(parent.key, { tenant, agent }), await certificateBy(own.key, { tenant, agent })]
    await ok(`POST /v1/agents/${tenant}/${agent}/kill`, 202, kill({ scope: 'api-key' }), { token: own.key })
    for (const certificate of issued) assert.equal(await whoami(certificate), 'agent_quarantined')
    for (const key of [parent.key, own.key]) await ok('GET /v1/whoami', 200, undefined, { token: key })
  })

  test('with scope source takes what was asked for from the same address', async () => {
    const { tenant, agent } = await someone()
    const other = { tenant, agent: 'b2' }
    await server.agent(other)
    const here = await certificateBy(admin, { tenant, agent })
    const alsoHere = await certificateBy(admin, other)
    const elsewhere = await server.certificate(other)
    const token = await server.apiKey('operator', { tenant })
    await ok(`POST /v1/agents/${tenant}/${agent}/kill`, 202, kill({ scope: 'source' }), { token })
    assert.deepEqual(
      [await whoami(here), await whoami(alsoHere), await whoami(elsewhere)],
      ['agent_quarantined', 'certificate_revoked', 'alive'],
    )
  })

  test('with a time to live ends by itself, unless something else killed the agent since', async () => {
    const [forgiven, again, back] = [await someone(), await someone(), await someone()]
    const path = ({ tenant, agent }: typeof again) => `/v1/agents/${tenant}/${agent}`
    for (const each of [forgiven, again, back]) await ok(`POST ${path(each)}/kill`, 202, kill({ ttl_sec: 60 }))
    await ok(`POST ${path(again)}/kill`, 202, kill({}))
    await ok(`POST ${path(back)}/reinstate`, 200)
    await server.incidents.turn()
    assert.equal((await ok(`GET ${path(forgiven)}`, 200)).lifecycle, 'quarantined')
    server.clock.advance(61)
    await server.incidents.turn()
    const lifecycles = await Promise.all(
      [forgiven, again, back].map(async each => (await ok(`GET ${path(each)}`, 200)).lifecycle),
    )
    assert.deepEqual(lifecycles, ['pending', 'quarantined', 'pending'])
    assert.equal((await ok(`GET ${path(back)}`, 200)).incarnation, 2)
    assert.equal(await whoami(forgiven.held), 'incarnation_dead')
  })
})

test('a time to live never ends what was dead before for good, and never sooner than was said', async () => {
  const [killed, set, twice, killedTenant] = [await someone(), await someone(), await someone(), await someone()]
  const path = ({ tenant, agent }: typeof killed) => `/v1/agents/${tenant}/${agent}`
  const tenantPath = `/v1/tenants/${killedTenant.tenant}/kill`
  await ok(`POST ${path(killed)}/kill`, 202, kill({}))
  await ok(`PATCH ${path(set)}`, 200, { lifecycle: 'quarantined' })
  await ok(`POST ${path(twice)}/kill`, 202, kill({ ttl_sec: 600 }))
  await ok(`POST ${tenantPath}`, 202, kill({}))
  // Such as by a rule that fires when the dead knock, again and again.
  for (let time = 0; time < 2; time++) {
    for (const each of [killed, set, twice]) await ok(`POST ${path(each)}/kill`, 202, kill({ ttl_sec: 60 }))
    await ok(`POST ${tenantPath}`, 202, kill({ ttl_sec: 60 }))
  }
  const after = async (seconds: number) => {
    server.clock.advance(seconds)
    await server.incidents.turn()
    const shown = [killed, set, twice, killedTenant].map(each => ok(`GET ${path(each)}`, 200))
    return (await Promise.all(shown)).map(({ lifecycle }) => lifecycle)
  }
  const dead = 'quarantined'
  assert.deepEqual(await after(61), [dead, dead, dead, dead])
  assert.deepEqual(await after(540), [dead, dead, 'pending', dead])
})

/** A certificate by a bootstrap with this API key, over the wire. */
async function certificateBy(token: string, key: { tenant: string; agent: string }): Promise<Held> {
  const { token: agentToken } = await ok('POST /v1/agent/bootstrap', 200, key, { token })
  const privateKey = generateKeyNow('P-256')
  const issued = await ok('POST /v1/agent/auth/cert', 201, { csr: await csrOf(privateKey) }, { token: agentToken })
  return { serial: issued.serial, privateKey, key: pemOf(privateKey), cert: issued.certificate + issued.chain }
}

describe('the kill of a tenant', () => {
  test('takes all of its agents, and its reinstatement revives nothing that they held', async () => {
    const one = await someone()
    const { tenant } = one
    const two = await someone(tenant, 'a2')
    const alone = await someone(tenant, 'a3')
    const spared = await someone()
    await ok(`POST /v1/agents/${tenant}/a3/kill`, 202, kill({}))
    await refused('lifecycle_forbidden', `POST /v1/tenants/${tenant}/reinstate`, { reason: 'r' })
    const token = await server.token({ tenant, agent: 'a1' })
    await ok(`POST /v1/tenants/${tenant}/kill`, 202, kill({}))
    for (const { held } of [one, two]) assert.equal(await whoami(held), 'tenant_killed')
    await refused('tenant_killed', 'GET /v1/whoami', undefined, { token })
    await refused('tenant_killed', 'POST /v1/agent/bootstrap', { tenant, agent: 'a1' })
    await ok('POST /v1/agents', 201, { tenant, agent: 'a4' })
    await refused('tenant_killed', 'POST /v1/agent/bootstrap', { tenant, agent: 'a4' })
    assert.equal(await whoami(spared.held), 'alive')
    await ok(`POST /v1/tenants/${tenant}/kill`, 202, kill({}))
    const back = await ok(`POST /v1/tenants/${tenant}/reinstate`, 200, { reason: 'r' })
    // The one that was registered between the two kills, too.
    assert.deepEqual(back, { tenant, agents: 3 })
    assert.deepEqual([await whoami(one.held), await whoami(alone.held)], ['incarnation_dead', 'agent_quarantined'])
    await refused('incarnation_dead', 'GET /v1/whoami', undefined, { token })
    assert.equal(await whoami(await server.certificate({ tenant, agent: 'a1' })), 'alive')
    assert.equal(await whoami(await server.certificate({ tenant, agent: 'a4' })), 'alive')
  })

  test('tells the death of the tenant and of each agent that held something', async () => {
    const { tenant } = await someone()
    await server.agent({ tenant, agent: 'idle' })
    const before = await epoch()
    await ok(`POST /v1/tenants/${tenant}/kill`, 202, kill({}))
    const kinds = (await deathsSince(before)).map(({ kind, until }) => [kind, until === null])
    assert.deepEqual(kinds.toSorted(), [
      ['agent', false],
      ['tenant', true],
    ])
    await ok(`POST /v1/tenants/${tenant}/reinstate`, 200, { reason: 'r' })
    const [rebirth] = await deathsSince(before + 1)
    assert.deepEqual([rebirth?.kind, rebirth?.through, rebirth?.reborn], ['tenant', 1, 2])
  })

  test('with a time to live ends by itself', async () => {
    const { tenant, held } = await someone()
    await ok(`POST /v1/tenants/${tenant}/kill`, 202, kill({ ttl_sec: 60 }))
    server.clock.advance(61)
    await server.incidents.turn()
    assert.equal(await whoami(held), 'incarnation_dead')
    assert.equal(await whoami(await server.certificate({ tenant, agent: 'a1' })), 'alive')
  })

  test('is refused for one that there is not', async () => {
    await refused('tenant_unknown', 'POST /v1/tenants/nowhere/kill', kill({}))
    await refused('name_invalid', 'POST /v1/tenants/No/kill', kill({}))
    await refused('permission_missing', 'POST /v1/tenants/x/kill', kill({}), { token: await server.apiKey('operator') })
  })
})

describe('the kill of a credential', () => {
  test('by serial or lineage ends that lineage, and leaves the agent and its others alone', async () => {
    for (const target of [
      async (held: Held) => ({ serial: held.serial }),
      async (held: Held) => ({ lineage: await lineageOf(held) }),
    ]) {
      const { tenant, agent, held } = await someone()
      const other = await server.certificate({ tenant, agent })
      const before = await epoch()
      const answer = await ok('POST /v1/kill', 202, kill(await target(held)))
      assert.deepEqual([await whoami(held), await whoami(other)], ['certificate_revoked', 'alive'])
      assert.equal((await ok(`GET /v1/incidents/${answer.incident}`, 200)).tenant, tenant)
      const [death] = await deathsSince(before)
      assert.deepEqual([death?.kind, death?.value], ['lineage', await lineageOf(held)])
    }
  })

  test('by key takes every lineage that it is in, and the key is never certified again', async () => {
    const { tenant, agent, held } = await someone()
    await ok('POST /v1/kill', 202, kill({ key_thumbprint: thumbprintOf(held) }))
    assert.equal(await whoami(held), 'certificate_revoked')
    const elsewhere = { tenant: (await someone()).tenant, agent: 'a1' }
    for (const key of [{ tenant, agent }, elsewhere]) {
      const csr = await csrOf(held.privateKey)
      const { body } = await server.call('POST /v1/agent/auth/cert', { token: await server.token(key), body: { csr } })
      assert.equal(body.code, 'key_killed')
    }
    const renewal = await server.certificate({ tenant, agent })
    const csr = await csrOf(held.privateKey)
    const { body } = await server.call('POST /v1/agent/auth/cert', { tls: renewal, body: { csr } })
    assert.equal(body.code, 'key_killed')
  })

  test('by key reaches other tenants only for whom that key is in use', async () => {
    const [mine, foreign] = [await someone(), await someone()]
    const token = await server.apiKey('admin', { tenant: mine.tenant })
    await refused('not_found', 'POST /v1/kill', kill({ key_thumbprint: thumbprintOf(foreign.held) }), { token })
    assert.equal(await whoami(foreign.held), 'alive')
    await ok('POST /v1/kill', 202, kill({ key_thumbprint: thumbprintOf(mine.held) }), { token })
    assert.equal(await whoami(mine.held), 'certificate_revoked')
    // A token bound to a key is no proof of it: its holder never agreed.
    const own = { tenant: mine.tenant, agent: 'a1' }
    await server.token(own, thumbprintOf(foreign.held))
    await refused('not_found', 'POST /v1/kill', kill({ key_thumbprint: thumbprintOf(foreign.held) }), { token })
    assert.equal(await whoami(foreign.held), 'alive')
    // Not seen yet: only for a key of all tenants.
    await refused('not_found', 'POST /v1/kill', kill({ key_thumbprint: 'A'.repeat(43) }), { token })
    await ok('POST /v1/kill', 202, kill({ key_thumbprint: 'A'.repeat(43) }))
  })

  test('by minting credential takes what it opened', async () => {
    const { tenant, agent } = await someone()
    const made = await ok('POST /v1/api-keys', 201, { name: 'k', role: 'issuer', tenant })
    const issued = await certificateBy(made.key, { tenant, agent })
    const { jti, lineage } = await server.pipeline.bootstrap({ tenant, agent })
    await ok('POST /v1/kill', 202, kill({ minted_by: `agent-token:${jti}` }))
    const subject = await server.pipeline.store.read(() => server.pipeline.rows.lineages.subject(lineage))
    assert.equal(subject?.lineage.standing, 'ended')
    await refused('not_found', 'POST /v1/kill', kill({ minted_by: `agent-token:${jti}` }))
    assert.equal(await whoami(issued), 'alive')
    await ok('POST /v1/kill', 202, kill({ minted_by: `api-key:${made.id}` }))
    assert.equal(await whoami(issued), 'certificate_revoked')
    await refused('unauthenticated', 'GET /v1/whoami', undefined, { token: made.key })
    // Deleted before, and what it opened may live on: it can be killed again.
    await ok('POST /v1/kill', 202, kill({ minted_by: `api-key:${made.id}` }))
    await refused('not_found', 'POST /v1/kill', kill({ minted_by: 'api-key:ffffffffffff' }))
  })

  test('by minting credential is not for keys that reach further than the caller', async () => {
    const { tenant } = await someone()
    const wide = await ok('POST /v1/api-keys', 201, { name: 'k', role: 'admin', tenant })
    const token = await server.apiKey('operator', { tenant })
    await refused('permission_missing', 'POST /v1/kill', kill({ minted_by: `api-key:${wide.id}` }), { token })
    const narrow = await ok('POST /v1/api-keys', 201, { name: 'k', role: 'issuer', tenant })
    await ok('POST /v1/kill', 202, kill({ minted_by: `api-key:${narrow.id}` }), { token })
    const foreign = await ok('POST /v1/api-keys', 201, { name: 'k', role: 'issuer', tenant: (await someone()).tenant })
    await refused('not_found', 'POST /v1/kill', kill({ minted_by: `api-key:${foreign.id}` }), { token })
  })

  test('names exactly one, and one that there is', async () => {
    const zeros = '0'.repeat(32)
    for (const body of [{}, { serial: zeros, lineage: zeros }, { serial: 'x' }, { minted_by: 'somebody' }])
      await refused('body_invalid', 'POST /v1/kill', kill(body))
    for (const body of [{ serial: zeros }, { lineage: zeros }]) await refused('not_found', 'POST /v1/kill', kill(body))
    const { held } = await someone()
    const token = await server.apiKey('admin', { tenant: (await someone()).tenant })
    await refused('not_found', 'POST /v1/kill', kill({ serial: held.serial }), { token })
    await refused('not_found', 'POST /v1/kill', kill({ lineage: await lineageOf(held) }), { token })
    assert.equal(await whoami(held), 'alive')
  })
})

describe('without an incident', () => {
  test('quarantine, retirement and revocation travel as deaths', async () => {
    const cases: [expected: string, act: (who: Awaited<ReturnType<typeof someone>>) => Promise<unknown>][] = [
      ['agent', ({ tenant, agent }) => ok(`PATCH /v1/agents/${tenant}/${agent}`, 200, { lifecycle: 'quarantined' })],
      ['agent', ({ tenant, agent }) => ok(`PATCH /v1/agents/${tenant}/${agent}`, 200, { lifecycle: 'retired' })],
      ['agent', ({ tenant, agent }) => call(`DELETE /v1/agents/${tenant}/${agent}`)],
      ['lineage', ({ held }) => ok('POST /v1/agent/auth/revoke', 200, { serial: held.serial, reason: 'r' })],
      ['lineage', ({ tenant, agent }) => ok('POST /v1/agent/auth/revoke', 200, { tenant, agent, reason: 'r' })],
      [
        'lineage',
        ({ held }) =>
          ok('POST /v1/agent/auth/revoke', 200, { serial: held.serial, reason: 'r' }, { tls: held, token: undefined }),
      ],
    ]
    for (const [kind, act] of cases) {
      const who = await someone()
      const before = await epoch()
      await act(who)
      const deaths = await deathsSince(before)
      assert.deepEqual(
        deaths.map(death => death.kind),
        [kind],
      )
      assert.notEqual(await whoami(who.held), 'alive')
    }
  })

  test('lineages that have nothing left to show end without a word in the feed', async () => {
    const { tenant, agent } = await someone()
    const old: string[] = []
    for (let count = 0; count < 250; count++) old.push((await server.pipeline.bootstrap({ tenant, agent })).lineage)
    server.clock.advance(16 * 60)
    const held = await server.certificate({ tenant, agent })
    const before = await epoch()
    const { revoked } = await ok('POST /v1/agent/auth/revoke', 200, { tenant, agent, reason: 'r' })
    assert.deepEqual(revoked, [held.serial])
    assert.deepEqual(
      (await deathsSince(before)).map(({ value }) => value),
      [await lineageOf(held)],
    )
    const { store, rows } = server.pipeline
    assert.deepEqual(await store.read(() => rows.lineages.ofAgent({ tenant, agent })), [])
    assert.equal((await store.read(() => rows.lineages.subject(old[7]!)))?.lineage.standing, 'ended')
  })

  test('revocations that agents make of their own share an epoch, and one that is refused stops none', async () => {
    const { tenant, agent } = await someone()
    const holders = await Promise.all(Array.from({ length: 12 }, () => server.certificate({ tenant, agent })))
    const stranger = await someone()
    const before = await epoch()
    const start = performance.now()
    const answers = await Promise.all(
      holders.map((held, index) => {
        const serial = index === 5 ? stranger.held.serial : held.serial
        return server.call('POST /v1/agent/auth/revoke', { tls: held, body: { serial, reason: 'done' } })
      }),
    )
    assert.deepEqual(
      answers.map(({ status, body }) => (status === 200 ? body.revoked.length : body.code)),
      holders.map((_, index) => (index === 5 ? 'not_found' : 1)),
    )
    // One at once, and then one in 200 ms at the most: on a slow machine the calls come far apart.
    const most = 2 + Math.floor((performance.now() - start) / 190)
    assert.ok((await epoch()) - before <= most, `${(await epoch()) - before} epochs, expected ${most} at most`)
    assert.equal(await whoami(stranger.held), 'alive')
  })
})

describe('instances', () => {
  test('are listed, and put out of service with what they signed', async t => {
    const own = await openHttp()
    t.after(() => own.close())
    const token = await own.apiKey('admin')
    const key = { tenant: 'acme', agent: 'a1' }
    await own.agent(key)
    const held = await own.certificate(key)
    const agentToken = await own.token(key)
    const { instance } = own.pipeline
    const list = await own.call('GET /v1/instances', { token })
    assert.deepEqual(
      list.body.items.map(({ instance }: { instance: string }) => instance),
      [instance],
    )
    const bound = await own.apiKey('admin', { tenant: 'acme' })
    const evict = (id: string, by: string) =>
      own.call(`POST /v1/instances/${id}/evict`, { token: by, body: { reason: 'stolen disk' } })
    assert.equal((await evict(instance, bound)).body.code, 'tenant_mismatch')
    assert.equal((await evict('00000000-0000-4000-8000-000000000000', token)).body.code, 'not_found')
    assert.equal((await evict(instance, token)).status, 202)
    assert.equal((await evict(instance, token)).body.code, 'lifecycle_forbidden')
    assert.equal((await own.call('GET /v1/instances', { token })).body.items[0].state, 'evicted')
    assert.equal((await own.call('GET /v1/whoami', { tls: held })).body.code, 'certificate_revoked')
    const csr = await csrOf(generateKeyNow('P-256'))
    const issue = await own.call('POST /v1/agent/auth/cert', { token: agentToken, body: { csr } })
    assert.deepEqual([issue.status, issue.body.code], [503, 'instance_evicted'])
  })
})
