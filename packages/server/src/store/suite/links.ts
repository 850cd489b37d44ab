import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type AgentState, exclusive, type LineageState } from '@lanyard/authority'
import type { OpenStore } from '../ports.ts'
import { opened, type Place } from './place.ts'
import { agent, apiKey, certificate, idOf, lineage, NOW, populate, record, tenant, thumbprint } from './samples.ts'

const numbersOf = (lineages: readonly LineageState[]) => lineages.map(({ id }) => Number.parseInt(id, 16))

/** What a kill follows from what it is aimed at to all that goes along. */
export function linksSuite(place: () => Place): void {
  describe('lineages that are linked', () => {
    test('are those that are not over, oldest first, as far as the tenant may see', async t => {
      const open = await opened(t, place)
      await populate(open)
      await write(open, function* () {
        const { lineages } = open.rows
        yield* lineages.insert(lineage({ id: idOf(3), openedAt: NOW - 5, standing: 'frozen', jti: idOf(0x1111) }))
        yield* lineages.insert(lineage({ id: idOf(4), standing: 'ended', jti: idOf(0x1111) }))
        yield* lineages.insert(lineage({ id: idOf(5), mintedBy: 'api-key:k2', jti: 'x' }))
      })
      const linked = async (by: { mintedBy: string } | { jti: string }, tenantName: string | null = null, limit = 9) =>
        numbersOf(await open.store.read(() => open.rows.lineages.linked(by, tenantName, limit)))
      assert.deepEqual(await linked({ mintedBy: 'api-key:k1' }), [3, 1, 2])
      assert.deepEqual(await linked({ mintedBy: 'api-key:k1' }, null, 2), [3, 1])
      assert.deepEqual(await linked({ mintedBy: 'api-key:k1' }, 'acme'), [3, 1])
      assert.deepEqual(await linked({ mintedBy: 'api-key:k1' }, 'nobody'), [])
      assert.deepEqual(await linked({ mintedBy: 'api-key:k3' }), [])
      assert.deepEqual(await linked({ jti: idOf(0x1111) }), [3, 1])
      assert.deepEqual(await linked({ jti: idOf(0x2222) }, 'acme'), [])
      const [first] = await open.store.read(() => open.rows.lineages.linked({ jti: idOf(0x2222) }, null, 1))
      assert.deepEqual(first, lineage({ id: idOf(2), tenant: 'globex', jti: idOf(0x2222) }))
    })

    test('are found by any key that was ever certified in them, or that their token waits for', async t => {
      const open = await opened(t, place)
      await populate(open)
      await write(open, function* () {
        yield* open.rows.lineages.insert(lineage({ id: idOf(3), jkt: thumbprint(8) }))
        yield* open.rows.lineages.insert(lineage({ id: idOf(4), standing: 'ended' }))
      })
      await record(
        open,
        certificate(1, { keyThumbprint: thumbprint(7) }),
        certificate(2, { keyThumbprint: thumbprint(8), generation: 2, parent: idOf(1) }),
        certificate(3, { keyThumbprint: thumbprint(7), tenant: 'globex', lineage: idOf(2) }),
        certificate(4, { keyThumbprint: thumbprint(7), lineage: idOf(4) }),
      )
      const linked = async (key: number, tenantName: string | null, bound = true) => {
        const by = { keyThumbprint: thumbprint(key), bound }
        return numbersOf(await open.store.read(() => open.rows.lineages.linked(by, tenantName, 9)))
      }
      assert.deepEqual(await linked(7, null), [1, 2])
      assert.deepEqual(await linked(7, 'globex'), [2])
      assert.deepEqual(await linked(8, null), [1, 3])
      assert.deepEqual(await linked(8, null, false), [1])
      assert.deepEqual(await linked(9, null), [])
    })

    test('are found by where a living certificate was asked for from', async t => {
      const open = await opened(t, place)
      await populate(open)
      await write(open, function* () {
        for (const id of [3, 4]) yield* open.rows.lineages.insert(lineage({ id: idOf(id) }))
      })
      await record(
        open,
        certificate(1),
        certificate(2),
        certificate(3, { tenant: 'globex', lineage: idOf(2) }),
        certificate(4, { lineage: idOf(3), issuedAt: NOW - 300_000 }),
        certificate(5, { lineage: idOf(4), source: '192.0.2.8' }),
      )
      const linked = async (source: string, tenantName: string | null, now = NOW) =>
        numbersOf(await open.store.read(() => open.rows.lineages.linked({ source, now }, tenantName, 9)))
      assert.deepEqual(await linked('192.0.2.7', null), [1, 2])
      assert.deepEqual(await linked('192.0.2.7', 'acme'), [1])
      assert.deepEqual(await linked('192.0.2.7', null, NOW - 1000), [1, 2, 3])
      assert.deepEqual(await linked('192.0.2.8', null), [4])
      assert.deepEqual(await linked('192.0.2.9', null), [])
      await write(open, () => open.rows.certificates.revoke({ lineage: idOf(1) }, { at: NOW, reason: 'x' }))
      assert.deepEqual(await linked('192.0.2.7', null), [2])
    })

    test('are claimed with their agent and tenant', async t => {
      const open = await opened(t, place)
      await populate(open)
      const subject = { tenant: tenant(), agent: agent(), lineage: lineage() }
      assert.deepEqual(await write(open, () => open.rows.lineages.claim(idOf(1))), subject)
      assert.equal(await write(open, () => open.rows.lineages.claim(idOf(9))), undefined)
    })

    test('end together by their names, and no others', async t => {
      const open = await opened(t, place)
      await populate(open)
      const { lineages } = open.rows
      await write(open, function* () {
        for (const id of [3, 4]) yield* lineages.insert(lineage({ id: idOf(id), openedAt: NOW + id }))
        yield* lineages.end([idOf(1), idOf(4)])
        yield* lineages.end([])
      })
      const held = await open.store.read(() => lineages.ofAgent(agent()))
      assert.deepEqual(numbersOf(held), [3])
      assert.equal((await open.store.read(() => lineages.subject(idOf(2))))?.lineage.standing, 'open')
    })

    test('of an agent come as many as asked for', async t => {
      const open = await opened(t, place)
      await populate(open)
      const { lineages } = open.rows
      await write(open, () => lineages.insert(lineage({ id: idOf(3), openedAt: NOW + 1 })))
      assert.deepEqual(numbersOf(await open.store.read(() => lineages.ofAgent(agent(), 1))), [3])
      assert.deepEqual(numbersOf(await open.store.read(() => lineages.ofAgent(agent()))), [3, 1])
    })

    test('of an agent come newest first, and those of a tenant end together', async t => {
      const open = await opened(t, place)
      await populate(open)
      const { lineages, agents } = open.rows
      await write(open, function* () {
        yield* agents.insert(agent({ agent: 'other' }))
        yield* agents.insert(agent({ agent: 'idle' }))
        yield* lineages.insert(lineage({ id: idOf(3), openedAt: NOW + 1, standing: 'frozen' }))
        yield* lineages.insert(lineage({ id: idOf(4), openedAt: NOW + 2, standing: 'ended' }))
        yield* lineages.insert(lineage({ id: idOf(5), agent: 'other' }))
        yield* lineages.insert(lineage({ id: idOf(6), agent: 'idle', standing: 'ended' }))
      })
      const ofAgent = async (name: string, tenantName = 'acme') =>
        numbersOf(await open.store.read(() => lineages.ofAgent({ tenant: tenantName, agent: name })))
      const holding = async () => (await open.store.read(() => agents.holding('acme'))).map(one => one.agent)
      assert.deepEqual(await ofAgent('invoice'), [3, 1])
      assert.deepEqual(await ofAgent('nobody'), [])
      assert.deepEqual(await holding(), ['invoice', 'other'])
      await write(open, () => lineages.endAllOf('acme'))
      assert.deepEqual([await ofAgent('invoice'), await ofAgent('other')], [[], []])
      assert.deepEqual(await ofAgent('invoice', 'globex'), [2])
      assert.deepEqual(await holding(), [])
    })
  })

  describe('a whole tenant', () => {
    test('is quarantined, and given back but for what was taken by itself', async t => {
      const open = await opened(t, place)
      await populate(open)
      const { agents, deaths } = open.rows
      const named = (name: string, changes: Partial<AgentState> = {}) => agent({ agent: name, ...changes })
      await write(open, function* () {
        yield* agents.insert(named('active', { lifecycle: 'active', incarnation: 3, deadThrough: 2 }))
        yield* agents.insert(named('before', { lifecycle: 'quarantined', deadThrough: 1 }))
        yield* agents.insert(named('retired', { lifecycle: 'retired', deadThrough: 1 }))
        yield* agents.insert(named('later', { lifecycle: 'degraded' }))
      })
      const at = NOW + 1
      assert.equal(await write(open, () => agents.quarantineAll('acme', at)), 3)
      assert.equal(await write(open, () => agents.quarantineAll('acme', at + 1)), 0)
      const found = async (name: string) => (await open.store.read(() => agents.find(named(name))))!
      assert.deepEqual(
        await found('active'),
        named('active', { lifecycle: 'quarantined', incarnation: 3, deadThrough: 3, updatedAt: at }),
      )
      await write(open, function* () {
        const { spiffeId: value } = named('later')
        yield* deaths.put([{ kind: 'agent', value, through: 1, reborn: 0, epoch: 2, at: at + 5, until: null }])
        const { spiffeId } = named('active')
        yield* deaths.put([{ kind: 'agent', value: spiffeId, through: 3, reborn: 0, epoch: 1, at, until: null }])
        yield* agents.update({ ...named('active'), incarnation: 3, deadThrough: 3, lifecycle: 'quarantined' })
      })
      assert.equal(await write(open, () => agents.reinstateAll('acme', at + 1, at + 9)), 0)
      assert.equal(await write(open, () => agents.reinstateAll('acme', at, at + 9)), 2)
      assert.deepEqual(
        await found('active'),
        named('active', { lifecycle: 'pending', incarnation: 4, deadThrough: 3, updatedAt: at + 9 }),
      )
      const rest = await Promise.all(['invoice', 'before', 'retired', 'later'].map(found))
      assert.deepEqual(
        rest.map(({ lifecycle, incarnation }) => [lifecycle, incarnation]),
        [
          ['pending', 2],
          ['quarantined', 1],
          ['retired', 1],
          ['quarantined', 1],
        ],
      )
      const other = await open.store.read(() => agents.find({ tenant: 'globex', agent: 'invoice' }))
      assert.deepEqual(other, agent({ tenant: 'globex' }))
    })

    test('dies and is reborn by its own numbers', async t => {
      const open = await opened(t, place)
      const dead = tenant({ incarnation: 2, deadThrough: 2, updatedAt: NOW + 1 })
      await write(open, function* () {
        yield* open.rows.tenants.insert(tenant({ incarnation: 2, deadThrough: 1 }))
        yield* open.rows.tenants.update(dead)
      })
      assert.deepEqual(await open.store.read(() => open.rows.tenants.find('acme')), dead)
    })

    test('loses its certificates at once', async t => {
      const open = await opened(t, place)
      await populate(open)
      await record(
        open,
        certificate(1),
        certificate(2, { issuedAt: NOW - 300_000 }),
        certificate(3, { tenant: 'globex', lineage: idOf(2) }),
        certificate(4, { issuedAt: NOW + 1 }),
      )
      const when = { at: NOW, reason: 'tenant' }
      assert.deepEqual(await write(open, () => open.rows.certificates.revoke({ tenant: 'acme' }, when)), [
        idOf(4),
        idOf(1),
      ])
      assert.deepEqual(await write(open, () => open.rows.certificates.revoke({ tenant: 'acme' }, when)), [])
    })
  })

  describe('API keys', () => {
    test('end with all that they made, also through those that ended before', async t => {
      const open = await opened(t, place)
      const { apiKeys } = open.rows
      await write(open, function* () {
        yield* apiKeys.insert(apiKey({ id: 'root' }))
        yield* apiKeys.insert(apiKey({ id: 'a', createdBy: 'api-key:root' }))
        yield* apiKeys.insert(apiKey({ id: 'b', createdBy: 'api-key:a', revokedAt: NOW - 5 }))
        yield* apiKeys.insert(apiKey({ id: 'c', createdBy: 'api-key:b' }))
        yield* apiKeys.insert(apiKey({ id: 'other', createdBy: 'api-key:roots' }))
      })
      const ids = await write(open, () => apiKeys.revokeTree('a', NOW + 1))
      assert.deepEqual([...ids].sort(), ['a', 'b', 'c'])
      const revoked = await Promise.all(
        ['root', 'a', 'b', 'c', 'other'].map(async id => (await open.store.read(() => apiKeys.find(id)))?.revokedAt),
      )
      assert.deepEqual(revoked, [null, NOW + 1, NOW - 5, NOW + 1, null])
      assert.deepEqual(await write(open, () => apiKeys.revokeTree('nobody', NOW)), [])
    })
  })
}

const write = <T>({ store }: OpenStore, step: Parameters<typeof store.write<T>>[0]): Promise<T> =>
  store.urgent(step, exclusive('acme', 'globex'))
