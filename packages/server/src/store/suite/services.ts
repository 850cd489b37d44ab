import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ServiceState, shared } from '@lanyard/authority'
import type { OpenStore } from '../ports.ts'
import { opened, type Place } from './place.ts'
import { NOW, populate, service, walk } from './samples.ts'

const INVOICE = { tenant: 'acme', agent: 'invoice' }

export function servicesSuite(place: () => Place): void {
  describe('services', () => {
    test('give back what was announced last, and go one by one', async t => {
      const open = await announced(t, place, [service('https://a')])
      const { store, rows } = open
      assert.deepEqual(await store.read(() => rows.services.find(INVOICE, 'https://a')), service('https://a'))
      assert.equal(await store.read(() => rows.services.find(INVOICE, 'https://b')), undefined)
      const later = service('https://a', { leasedUntil: NOW + 99, since: NOW + 1 })
      await announce(open, [later])
      assert.deepEqual(await store.read(() => rows.services.find(INVOICE, 'https://a')), later)
      const remove = () => store.write(() => rows.services.remove(INVOICE, 'https://a'), shared('acme'))
      assert.equal(await remove(), true)
      assert.equal(await remove(), false)
      await assert.rejects(announce(open, [service('https://c', { agent: 'nobody' })]))
    })

    test('go all at once with their agent, and with no other', async t => {
      const { store, rows } = await announced(t, place, [
        service('https://b'),
        service('https://a'),
        service('https://c', { tenant: 'globex' }),
      ])
      const count = (tenant: string) => store.read(() => rows.services.count({ tenant, agent: 'invoice' }))
      assert.equal(await count('acme'), 2)
      const removeAll = () => store.write(() => rows.services.removeAll(INVOICE), shared('acme'))
      assert.deepEqual(await removeAll(), ['https://a', 'https://b'])
      assert.deepEqual(await removeAll(), [])
      assert.deepEqual([await count('acme'), await count('globex'), await count('nobody')], [0, 1, 0])
    })

    test('are found by SPIFFE ID and by tenant, in pages, while their lease lasts', async t => {
      const open = await announced(t, place, [
        service('https://c'),
        service('https://a'),
        service('https://b', { leasedUntil: NOW - 1 }),
        service('https://d/x', { tenant: 'globex' }),
        service('https://d', { tenant: 'globex' }),
      ])
      const { spiffeId } = service('', { tenant: 'globex' })
      const listed = async (filter: { spiffeId?: string; tenant?: string }, limit: number) =>
        (await walk(open, page => open.rows.services.list({ ...filter, now: NOW }, page), limit)).map(({ url }) =>
          url.slice('https://'.length),
        )
      for (const limit of [1, 2, 9]) {
        assert.deepEqual(await listed({}, limit), ['a', 'c', 'd', 'd/x'])
        assert.deepEqual(await listed({ tenant: 'acme' }, limit), ['a', 'c'])
        assert.deepEqual(await listed({ spiffeId }, limit), ['d', 'd/x'])
        assert.deepEqual(await listed({ spiffeId, tenant: 'acme' }, limit), [])
      }
      for (const after of ['', 'x', ' x']) {
        await assert.rejects(
          open.store.read(() => open.rows.services.list({ now: NOW }, { limit: 1, after })),
          { code: 'cursor_invalid' },
        )
      }
    })
  })
}

function announce({ store, rows }: OpenStore, services: readonly ServiceState[]) {
  return store.write(
    function* () {
      for (const state of services) yield* rows.services.put(state)
    },
    shared('acme', 'globex'),
  )
}

async function announced(t: Parameters<typeof opened>[0], place: () => Place, services: readonly ServiceState[]) {
  const open = await opened(t, place)
  await populate(open)
  await announce(open, services)
  return open
}
