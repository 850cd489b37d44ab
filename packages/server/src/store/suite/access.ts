import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type BindingState, type IssuerState, type RoleState, type Step, shared } from '@lanyard/authority'
import type { OpenStore } from '../ports.ts'
import { opened, type Place } from './place.ts'
import { apiKey, idOf, NOW, populate, walk } from './samples.ts'

const role = (number: number, changes: Partial<RoleState> = {}): RoleState => ({
  id: idOf(number),
  role: `role-${number}`,
  tenant: 'acme',
  description: 'größe',
  permissions: ['agent.read', 'agent.kill'],
  createdBy: 'api-key:k1',
  createdAt: NOW,
  updatedAt: NOW,
  ...changes,
})

const issuer = (number: number, changes: Partial<IssuerState> = {}): IssuerState => ({
  id: idOf(number),
  issuer: `https://login${number}.example`,
  tenant: 'acme',
  jwksUri: null,
  audiences: ['lanyard', 'größe'],
  algorithms: ['ES256'],
  claims: { subject: 'sub', name: 'name', groups: '/realm/groups' },
  maxTokenAgeSec: 3600,
  introspection: { url: 'https://login.example/ask', clientId: 'c' },
  introspectionSecret: new Uint8Array([1, 2, 255]),
  login: { clientId: 'cli', scopes: ['openid'] },
  enabled: true,
  createdBy: 'api-key:k1',
  updatedBy: 'api-key:k1',
  createdAt: NOW,
  updatedAt: NOW,
  ...changes,
})

const binding = (number: number, changes: Partial<BindingState> = {}): BindingState => ({
  id: idOf(number),
  kind: 'certificate',
  issuer: null,
  value: `dn:CN=${number}`,
  role: 'operator',
  tenant: 'acme',
  agents: 'inv-*',
  createdBy: 'api-key:k1',
  createdAt: NOW + number,
  expiresAt: NOW + 60_000,
  ...changes,
})

const read = <T>({ store }: OpenStore, step: () => Step<T>) => store.read(step)
const write = <T>({ store }: OpenStore, step: () => Step<T>) => store.write(step, shared('acme', 'globex'))

export function accessSuite(place: () => Place): void {
  rolesSuite(place)
  issuersSuite(place)
  bindingsSuite(place)
  barredSuite(place)
}

function rolesSuite(place: () => Place): void {
  describe('roles', () => {
    test('come back as they were, change in what may change, and go', async t => {
      const { open, rows } = await populated(t, place)
      await write(open, () => rows.insert(role(1)))
      assert.deepEqual(await read(open, () => rows.find(idOf(1))), role(1))
      const after = role(1, { description: '', permissions: ['cert.read'], updatedAt: NOW + 1 })
      await write(open, () => rows.update(after))
      assert.deepEqual(await read(open, () => rows.find(idOf(1))), after)
      for (const id of ['', 'x', idOf(2), `${idOf(1)}0`, idOf(0xa1).toUpperCase()])
        assert.equal(await read(open, () => rows.find(id)), undefined, id)
      await write(open, () => rows.remove(idOf(1)))
      assert.equal(await read(open, () => rows.find(idOf(1))), undefined)
    })

    test('are found by name, the one of the tenant before the one of all', async t => {
      const { open, rows } = await populated(t, place)
      await write(open, function* () {
        yield* rows.insert(role(1, { role: 'dev', tenant: null }))
        yield* rows.insert(role(2, { role: 'dev' }))
        yield* rows.insert(role(3, { role: 'ops', tenant: 'globex' }))
      })
      const found = async (name: string, tenant: string | null) =>
        (await read(open, () => rows.findByName(name, tenant)))?.id
      assert.equal(await found('dev', 'acme'), idOf(2))
      assert.equal(await found('dev', 'globex'), idOf(1))
      assert.equal(await found('dev', null), idOf(1))
      assert.equal(await found('ops', 'globex'), idOf(3))
      assert.equal(await found('ops', 'acme'), undefined)
      assert.equal(await found('ops', null), undefined)
      assert.equal(await read(open, () => rows.count('acme')), 1)
      assert.equal(await read(open, () => rows.count(null)), 1)
    })

    test('are given as long as a binding or an API key has them', async t => {
      const { open, rows } = await populated(t, place)
      await write(open, function* () {
        yield* open.rows.bindings.insert(binding(1, { role: 'dev' }))
        yield* open.rows.bindings.insert(binding(2, { role: 'ops', tenant: null, expiresAt: null }))
        yield* open.rows.apiKeys.insert(apiKey({ id: 'k2', role: 'dev', tenant: 'globex' }))
        yield* open.rows.apiKeys.insert(apiKey({ id: 'k3', role: 'old', revokedAt: NOW }))
      })
      const given = (name: string, tenant: string | null, at = NOW) => read(open, () => rows.isGiven(name, tenant, at))
      assert.deepEqual(
        [await given('dev', 'acme'), await given('dev', 'globex'), await given('dev', null)],
        [true, true, true],
      )
      assert.deepEqual([await given('ops', 'acme'), await given('ops', null)], [false, true])
      assert.equal(await given('dev', 'acme', NOW + 60_000), false)
      assert.equal(await given('dev', 'globex', NOW + 86_400_000), false)
      assert.equal(await given('old', null), false)
    })

    test('of one name are there once in a tenant, and once for all', async t => {
      const { open, rows } = await populated(t, place)
      await write(open, () => rows.insert(role(1, { role: 'dev' })))
      await assert.rejects(write(open, () => rows.insert(role(2, { role: 'dev' }))))
      await write(open, () => rows.insert(role(3, { role: 'dev', tenant: null })))
      await assert.rejects(write(open, () => rows.insert(role(4, { role: 'dev', tenant: null }))))
    })

    test('are listed by name, with those of all tenants', async t => {
      const { open, rows } = await populated(t, place)
      await write(open, function* () {
        yield* rows.insert(role(1, { role: 'c', tenant: null }))
        yield* rows.insert(role(2, { role: 'b' }))
        yield* rows.insert(role(3, { role: 'a', tenant: 'globex' }))
        yield* rows.insert(role(4, { role: 'c' }))
      })
      for (const limit of [1, 2, 9]) {
        const names = async (tenant?: string) =>
          (await walk(open, page => rows.list({ tenant }, page), limit)).map(({ id }) => Number.parseInt(id, 16))
        assert.deepEqual(await names(), [3, 2, 1, 4])
        assert.deepEqual(await names('acme'), [2, 1, 4])
        assert.deepEqual(await names('globex'), [3, 1])
      }
      await assert.rejects(
        read(open, () => rows.list({}, { limit: 1, after: 'x' })),
        { code: 'cursor_invalid' },
      )
    })
  })

  async function populated(t: Parameters<typeof opened>[0], make: () => Place) {
    const open = await opened(t, make)
    await populate(open)
    return { open, rows: open.rows.roles }
  }
}

function issuersSuite(place: () => Place): void {
  describe('issuers of principals', () => {
    test('come back as they were, and change in what may change', async t => {
      const open = await opened(t, place)
      const rows = open.rows.issuers
      await populate(open)
      await write(open, () => rows.insert(issuer(1)))
      assert.deepEqual(await read(open, () => rows.find(idOf(1))), issuer(1))
      const nothing = { introspection: null, introspectionSecret: null, login: null, enabled: false }
      const after = issuer(1, {
        ...nothing,
        jwksUri: 'https://x.example/keys',
        ...{ updatedAt: NOW + 1, updatedBy: 'principal:p' },
      })
      await write(open, () => rows.update({ ...after, createdBy: 'x' }))
      assert.deepEqual(await read(open, () => rows.find(idOf(1))), after)
      assert.equal(await read(open, () => rows.count('acme')), 1)
      await write(open, () => rows.remove(idOf(1)))
      assert.equal(await read(open, () => rows.find(idOf(1))), undefined)
      assert.equal(await read(open, () => rows.count('acme')), 0)
    })

    test('are found by what tokens say, that of all tenants first, and only while enabled', async t => {
      const open = await opened(t, place)
      const rows = open.rows.issuers
      await populate(open)
      const plain = { issuer: 'https://x.example', introspection: null }
      await write(open, function* () {
        yield* rows.insert(issuer(1, plain))
        yield* rows.insert(issuer(2, { ...plain, tenant: null }))
        yield* rows.insert(issuer(3, { ...plain, tenant: 'globex', enabled: false }))
      })
      const found = async (iss: string) => (await read(open, () => rows.byIssuer(iss))).map(({ id }) => id)
      assert.deepEqual(await found('https://x.example'), [idOf(2), idOf(1)])
      const isThere = (tenant: string | null, iss = 'https://x.example') => read(open, () => rows.has(iss, tenant))
      assert.deepEqual([await isThere('acme'), await isThere(null), await isThere('globex')], [true, true, true])
      assert.deepEqual([await isThere('nobody'), await isThere(null, 'https://y.example')], [false, false])
      for (const other of ['https://x.example/', 'https://X.example', '']) assert.deepEqual(await found(other), [])
      await assert.rejects(write(open, () => rows.insert(issuer(4, plain))))
      await assert.rejects(write(open, () => rows.insert(issuer(4, { ...plain, tenant: null }))))
    })

    test('that introspect are one of a tenant, and one of all', async t => {
      const open = await opened(t, place)
      const rows = open.rows.issuers
      await populate(open)
      await write(open, function* () {
        yield* rows.insert(issuer(1))
        yield* rows.insert(issuer(2, { tenant: null }))
        yield* rows.insert(issuer(3, { tenant: 'globex', introspection: null }))
        yield* rows.insert(issuer(4, { enabled: false }))
      })
      const asked = async (tenant: string | null) => (await read(open, () => rows.introspecting(tenant)))?.id
      assert.deepEqual([await asked('acme'), await asked(null), await asked('globex')], [idOf(1), idOf(2), undefined])
      await assert.rejects(write(open, () => rows.insert(issuer(5))))
      await assert.rejects(write(open, () => rows.update(issuer(4))))
    })

    test('are listed with those of all tenants', async t => {
      const open = await opened(t, place)
      const rows = open.rows.issuers
      await populate(open)
      const plain = { introspection: null }
      await write(open, function* () {
        yield* rows.insert(issuer(2, plain))
        yield* rows.insert(issuer(1, { ...plain, tenant: null }))
        yield* rows.insert(issuer(3, { ...plain, tenant: 'globex' }))
      })
      for (const limit of [1, 2, 9]) {
        const listed = async (tenant?: string) =>
          (await walk(open, page => rows.list({ tenant }, page), limit)).map(({ id }) => Number.parseInt(id, 16))
        assert.deepEqual(await listed(), [1, 2, 3])
        assert.deepEqual(await listed('acme'), [1, 2])
      }
    })
  })
}

function bindingsSuite(place: () => Place): void {
  const held = async (t: Parameters<typeof opened>[0], bindings: readonly BindingState[]) => {
    const open = await opened(t, place)
    await populate(open)
    await write(open, function* () {
      yield* open.rows.issuers.insert(issuer(1))
      yield* open.rows.issuers.insert(issuer(2, { tenant: null }))
      for (const one of bindings) yield* open.rows.bindings.insert(one)
    })
    return { open, rows: open.rows.bindings }
  }

  describe('bindings', () => {
    test('come back as they were, and go', async t => {
      const user = binding(2, { kind: 'user', issuer: idOf(1), tenant: null, agents: null, expiresAt: null })
      const { open, rows } = await held(t, [binding(1), user])
      assert.deepEqual(await read(open, () => rows.find(idOf(1))), binding(1))
      assert.deepEqual(await read(open, () => rows.find(idOf(2))), user)
      assert.equal(await read(open, () => rows.find('nobody')), undefined)
      assert.deepEqual([await read(open, () => rows.count('acme')), await read(open, () => rows.count(null))], [1, 1])
      await write(open, () => rows.remove(idOf(1)))
      assert.equal(await read(open, () => rows.find(idOf(1))), undefined)
    })

    test('are found by whom they are for: kind, issuer and value', async t => {
      const user = { kind: 'user', issuer: idOf(1), value: 'ann' } as const
      const { open, rows } = await held(t, [
        binding(1, user),
        binding(2, { ...user, kind: 'group' }),
        binding(3, { ...user, issuer: idOf(2) }),
        binding(4, { value: 'ann' }),
        binding(5, user),
        binding(6, { kind: 'group', issuer: idOf(1), value: 'staff' }),
      ])
      const group = (value: string) => ({ kind: 'group', issuer: idOf(1), value }) as const
      const found = async (...bindees: Parameters<typeof rows.of>[0]) =>
        (await read(open, () => rows.of(bindees))).map(({ id }) => Number.parseInt(id, 16))
      assert.deepEqual(await found(user), [1, 5])
      assert.deepEqual(await found(user, group('ann'), group('staff'), group('none')), [1, 2, 5, 6])
      assert.deepEqual(await found({ ...user, issuer: idOf(2) }), [3])
      assert.deepEqual(await found({ kind: 'certificate', issuer: null, value: 'ann' }), [4])
      assert.deepEqual(await found({ kind: 'spiffe-id', issuer: null, value: 'ann' }), [])
      assert.deepEqual(await found({ ...user, value: 'Ann' }), [])
      assert.deepEqual(await found({ ...user, value: "' or 1=1 --" }), [])
      assert.deepEqual(await found(), [])
      assert.equal((await read(open, () => rows.madeBy('api-key:k1'))).length, 6)
      assert.deepEqual(await read(open, () => rows.madeBy('api-key:k')), [])
      await write(open, () => rows.insert(binding(7, { kind: 'spiffe-id', value: 'spiffe://example.org/a' })))
      const ofAgent = async (id: string) => (await read(open, () => rows.ofAgent(id))).map(({ id: one }) => one)
      assert.deepEqual(await ofAgent('spiffe://example.org/a'), [idOf(7)])
      assert.deepEqual([await ofAgent('ann'), await ofAgent('spiffe://example.org/A')], [[], []])
      const many = Array.from({ length: 200 }, (_, index) => group(`g${index}`))
      assert.deepEqual(await found(...many, group('staff')), [6])
    })

    test('of an issuer go with it', async t => {
      const user = { kind: 'user', value: 'ann' } as const
      const { open, rows } = await held(t, [
        binding(1, { ...user, issuer: idOf(1) }),
        binding(2, { ...user, issuer: idOf(2) }),
        binding(3),
      ])
      assert.deepEqual(
        (await read(open, () => rows.ofIssuer(idOf(1)))).map(({ id }) => id),
        [idOf(1)],
      )
      // What is bound keeps its issuer.
      await assert.rejects(write(open, () => open.rows.issuers.remove(idOf(1))))
      assert.deepEqual(
        (await write(open, () => rows.removeOfIssuer(idOf(1)))).map(({ id }) => id),
        [idOf(1)],
      )
      await write(open, () => open.rows.issuers.remove(idOf(1)))
      assert.deepEqual((await walk(open, page => rows.list({}, page), 9)).length, 2)
    })

    test('are listed newest first', async t => {
      const { open, rows } = await held(t, [
        binding(1),
        binding(2, { tenant: null, role: 'admin' }),
        binding(3, { tenant: 'globex', kind: 'spiffe-id' }),
        binding(4, { createdAt: NOW + 3 }),
      ])
      for (const limit of [1, 2, 9]) {
        const listed = async (filter: Parameters<typeof rows.list>[0]) =>
          (await walk(open, page => rows.list(filter, page), limit)).map(({ id }) => Number.parseInt(id, 16))
        assert.deepEqual(await listed({}), [4, 3, 2, 1])
        assert.deepEqual(await listed({ tenant: 'acme' }), [4, 1])
        assert.deepEqual(await listed({ tenant: null }), [2])
        assert.deepEqual(await listed({ role: 'admin' }), [2])
        assert.deepEqual(await listed({ kind: 'spiffe-id' }), [3])
        assert.deepEqual(await listed({ tenant: 'acme', role: 'admin' }), [])
      }
    })

    test('are forgotten when they have ended', async t => {
      const { open, rows } = await held(t, [binding(1), binding(2, { expiresAt: null })])
      const retention = { certificatesMs: 0, eventsMs: 1000, nodesMs: 0 }
      assert.equal((await open.prune(NOW + 61_000, retention)).bindings, 0)
      assert.equal((await open.prune(NOW + 61_001, retention)).bindings, 1)
      assert.deepEqual(
        (await walk(open, page => rows.list({}, page), 9)).map(({ id }) => id),
        [idOf(2)],
      )
    })
  })
}

function barredSuite(place: () => Place): void {
  test('who is shut out is so within a tenant or everywhere, once', async t => {
    const open = await opened(t, place)
    const rows = open.rows.barredPrincipals
    await populate(open)
    const bar = (tenant: string | null) => write(open, () => rows.bar(idOf(1), { at: NOW, reason: 'x', tenant }))
    const bars = async (id: string) => {
      const found = await read(open, () => rows.of(id))
      return found.map(({ tenant, liftedAt }) => [tenant, liftedAt]).sort()
    }
    const lift = (id: string, tenant: string | null, at = NOW) => write(open, () => rows.lift(id, tenant, at))
    await bar('acme')
    await bar('acme')
    assert.deepEqual(await bars(idOf(1)), [['acme', null]])
    await bar(null)
    const everywhere = [null, null]
    assert.deepEqual(await bars(idOf(1)), [everywhere, ['acme', null]])
    for (const other of [idOf(2), '', 'x']) assert.deepEqual(await bars(other), [])
    assert.equal(await lift(idOf(1), 'globex'), false)
    assert.equal(await lift(idOf(1), 'acme'), true)
    assert.equal(await lift(idOf(1), 'acme', NOW + 1), false)
    assert.deepEqual(await bars(idOf(1)), [everywhere, ['acme', NOW]])
    assert.equal(await lift('x', null), false)
    await bar('acme')
    assert.deepEqual(await bars(idOf(1)), [everywhere, ['acme', null]])
    assert.equal(await lift(idOf(1), 'acme', NOW + 2), true)
    assert.deepEqual(await bars(idOf(1)), [everywhere, ['acme', NOW + 2]])
    // By an instance whose clock lags, neither before the kill nor before they were let in the last time.
    await bar('acme')
    assert.equal(await lift(idOf(1), 'acme', NOW - 8000), true)
    assert.equal(await lift(idOf(1), null, NOW - 8000), true)
    assert.deepEqual(await bars(idOf(1)), [
      [null, NOW],
      ['acme', NOW + 2],
    ])
  })
}
