import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shared } from '@lanyard/authority'
import { EXAMINED_MAX } from '../rows/page.ts'
import { opened } from '../suite/place.ts'
import { agent, certificate, event, idOf, NOW, populate, record, tenant } from '../suite/samples.ts'
import { openSqliteStore } from './open.ts'

const memory = () => ({
  open: () => openSqliteStore({ path: ':memory:', trustDomain: 'example.org', clock: { now: () => NOW } }),
  keeps: false,
  remove: () => {},
})

const many = Array.from({ length: EXAMINED_MAX }, (_, index) => index + 1)

// So that one question of an operator cannot hold every agent up.
test('a page looks at so many certificates at most, and says where to go on', async t => {
  const open = await opened(t, memory)
  await populate(open)
  const { store, rows } = open
  await record(open, certificate(0xffff, { issuedAt: NOW - 400_000 }), certificate(0xfffe, { issuedAt: NOW - 1 }))
  await store.write(function* () {
    for (const number of many) yield* rows.certificates.insert(certificate(number))
  }, shared())
  const list = (after: string | null) => () => rows.certificates.list({ now: NOW, alive: false }, { limit: 10, after })
  const first = await store.read(list(null))
  assert.deepEqual(first.items, [])
  assert.ok(first.next)
  const second = await store.read(list(first.next))
  assert.deepEqual(
    second.items.map(({ serial }) => serial),
    [idOf(0xffff)],
  )
  assert.equal(second.next, null)
})

test('a page looks at so many agents at most, and says where to go on', async t => {
  const { store, rows } = await opened(t, memory)
  const named = (name: string, tier: 'gold' | 'silver') =>
    agent({ agent: name, spiffeId: `spiffe://example.org/acme/${name}`, tier })
  await store.write(function* () {
    yield* rows.tenants.insert(tenant())
    for (const number of many) yield* rows.agents.insert(named(`a${String(number).padStart(5, '0')}`, 'silver'))
    yield* rows.agents.insert(named('b', 'gold'))
  }, shared())
  for (const filter of [{ tier: 'gold' }, { tier: 'gold', tenant: 'acme' }] as const) {
    const list = (after: string | null) => () => rows.agents.list(filter, { limit: 10, after })
    const first = await store.read(list(null))
    assert.deepEqual(first.items, [])
    assert.ok(first.next)
    const second = await store.read(list(first.next))
    assert.deepEqual(
      second.items.map(item => item.agent),
      ['b'],
    )
    assert.equal(second.next, null)
  }
})

test('a page looks at so many events at most, and says where to go on', async t => {
  const { store, rows } = await opened(t, memory)
  await store.write(function* () {
    yield* rows.events.append(event({ type: 'tenant.created', at: NOW - 5 }))
    for (const _ of many) yield* rows.events.append(event())
    yield* rows.events.append(event({ type: 'tenant.created', at: NOW + 5 }))
  }, shared())
  const list = (after: string | null) => () => rows.events.list({ type: 'tenant.created' }, { limit: 10, after })
  const first = await store.read(list(null))
  assert.deepEqual(
    first.items.map(({ at }) => at),
    [NOW + 5],
  )
  const second = await store.read(list(first.next))
  assert.deepEqual(
    second.items.map(({ at }) => at),
    [NOW - 5],
  )
  assert.equal(second.next, null)
})
