import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type IncidentState, type Locks, shared } from '@lanyard/authority'
import type { OpenStore } from '../ports.ts'
import { opened, type Place } from './place.ts'
import { incident, NOW, populate, walk } from './samples.ts'

const LOCKS: Locks = shared('acme')

export function incidentsSuite(place: () => Place): void {
  describe('incidents', () => {
    test('give back what was written, and change what may change', async t => {
      const open = await filled(t, place, [
        incident(),
        incident({
          id: 'incident-2',
          tenant: null,
          target: { kind: 'instance', value: 'x' },
          evidence: null,
          ttlUntil: null,
        }),
      ])
      const { store, rows } = open
      assert.deepEqual(await store.read(() => rows.incidents.find('incident-1')), incident())
      assert.equal((await store.read(() => rows.incidents.find('incident-2')))?.tenant, null)
      assert.equal(await store.read(() => rows.incidents.find('incident-3')), undefined)
      await store.write(() => rows.incidents.change('incident-1', {}), LOCKS)
      await store.write(() => rows.incidents.change('incident-1', { committedAt: NOW + 2 }), LOCKS)
      const end = { state: 'closed', closedAt: NOW + 9, ttlUntil: null, receipt: 'jws', evidence: null } as const
      await store.write(() => rows.incidents.change('incident-1', end), LOCKS)
      const after = incident({ ...end, committedAt: NOW + 2 })
      assert.deepEqual(await store.read(() => rows.incidents.find('incident-1')), after)
      await assert.rejects(store.write(() => rows.incidents.change('incident-3', { receipt: 'jws' }), LOCKS))
    })

    test('are one each, of tenants that exist', async t => {
      const { store, rows } = await filled(t, place, [incident()])
      const add = (changes: Partial<IncidentState>) =>
        store.urgent(() => rows.incidents.insert(incident(changes), []), LOCKS)
      await assert.rejects(add({}))
      await assert.rejects(add({ id: 'incident-9', tenant: 'nobody' }))
    })

    test('are listed newest first, by every filter, in pages, without what may be long', async t => {
      const open = await filled(t, place, [
        incident({ at: NOW - 1 }),
        incident({ id: 'incident-2', state: 'closed' }),
        incident({ id: 'incident-3', tenant: 'globex' }),
        incident({ id: 'incident.4', tenant: null, at: NOW + 1 }),
      ])
      const listed = async (filter: Parameters<typeof open.rows.incidents.list>[0], limit = 2) =>
        (await walk(open, page => open.rows.incidents.list(filter, page), limit)).map(({ id }) => id.at(-1)).join('')
      for (const limit of [1, 2, 3, 9]) assert.equal(await listed({}, limit), '4321')
      assert.equal(await listed({ tenant: 'acme' }), '21')
      assert.equal(await listed({ state: 'open' }), '431')
      assert.equal(await listed({ tenant: 'acme', state: 'closed' }), '2')
      assert.equal(await listed({ tenant: 'nobody' }), '')
      const [newest] = await walk(open, page => open.rows.incidents.list({ tenant: 'acme', state: 'open' }, page), 1)
      const { taken, evidence, receipt, ...head } = incident({ at: NOW - 1 })
      assert.deepEqual(newest, head)
      for (const after of ['', 'x', '1', '.a']) {
        await assert.rejects(
          open.store.read(() => open.rows.incidents.list({}, { limit: 1, after })),
          { code: 'cursor_invalid' },
        )
      }
    })

    test('lapse when their time to live is over, the earliest first', async t => {
      const { store, rows } = await filled(t, place, [
        incident({ ttlUntil: NOW + 20 }),
        incident({ id: 'incident-2', ttlUntil: NOW + 10 }),
        incident({ id: 'incident-3', ttlUntil: null }),
        incident({ id: 'incident-4', ttlUntil: NOW + 30 }),
      ])
      const lapsed = async (now: number, limit: number) =>
        (await store.read(() => rows.incidents.lapsed(now, limit))).map(({ id }) => id)
      const { epoch, ttlUntil } = (await store.read(() => rows.incidents.find('incident-1')))!
      assert.equal(await store.read(() => rows.incidents.lapseAt(epoch)), ttlUntil)
      assert.equal(await store.read(() => rows.incidents.lapseAt(epoch + 1000)), null)
      assert.deepEqual(await lapsed(NOW + 9, 9), [])
      assert.deepEqual(await lapsed(NOW + 20, 9), ['incident-2', 'incident-1'])
      assert.deepEqual(await lapsed(NOW + 20, 1), ['incident-2'])
      await store.write(() => rows.incidents.change('incident-2', { ttlUntil: null }), LOCKS)
      assert.deepEqual(await lapsed(NOW + 20, 9), ['incident-1'])
    })
  })

  describe('steps of incidents', () => {
    test('wait, are claimed by one, and end once', async t => {
      const { store, rows } = await filled(t, place, [incident()])
      const { incidents } = rows
      const claim = (by: string, now: number) =>
        store.write(() => incidents.claim('incident-1', 'snapshot', by, now, now + 5), LOCKS)
      const finish = (by: string) =>
        store.write(() => incidents.finish('incident-1', 'snapshot', by, NOW + 7, { bytes: 3 }), LOCKS)
      assert.equal(await claim('one', NOW), true)
      assert.equal(await claim('two', NOW + 4), false)
      assert.equal(await claim('two', NOW + 5), true, 'what nobody finished in time is free again')
      assert.equal(await finish('two'), true)
      assert.equal(await finish('one'), false)
      assert.equal(await claim('one', NOW + 60), false)
      const waiting = { state: 'waiting', claimedBy: null, claimedUntil: 0, doneAt: null, detail: {} } as const
      assert.deepEqual(await store.read(() => incidents.steps('incident-1')), [
        { incident: 'incident-1', step: 'registry', ...waiting },
        {
          incident: 'incident-1',
          step: 'snapshot',
          state: 'done',
          claimedBy: 'two',
          claimedUntil: NOW + 10,
          doneAt: NOW + 7,
          detail: { bytes: 3 },
        },
      ])
      const nothing = store.write(() => incidents.claim('incident-1', 'receipt', 'one', NOW, NOW + 5), LOCKS)
      assert.equal(await nothing, false)
    })

    test('are claimed by one of many who try at once', async t => {
      const { store, rows } = await filled(t, place, [incident()])
      const tries = Array.from({ length: 20 }, (_, index) =>
        store.write(() => rows.incidents.claim('incident-1', 'snapshot', `i${index}`, NOW, NOW + 5), LOCKS),
      )
      assert.equal((await Promise.all(tries)).filter(Boolean).length, 1)
    })

    test('tell which incidents have work that nobody does, the oldest first', async t => {
      const open = await filled(t, place, [
        incident({ at: NOW + 2 }),
        incident({ id: 'incident-2', at: NOW + 1 }),
        incident({ id: 'incident-3', at: NOW }),
      ])
      const { incidents } = open.rows
      const unfinished = async (now: number, limit: number) =>
        (await open.store.read(() => incidents.unfinished(now, limit))).map(({ id }) => id.at(-1)).join('')
      const run = (step: () => ReturnType<typeof incidents.claim>) => open.store.write(step, LOCKS)
      assert.equal(await unfinished(NOW, 9), '321')
      assert.equal(await unfinished(NOW, 2), '32')
      await run(() => incidents.claim('incident-3', 'registry', 'one', NOW, NOW + 5))
      assert.equal(await unfinished(NOW, 9), '321', 'another step of it is free')
      await run(() => incidents.claim('incident-3', 'snapshot', 'one', NOW, NOW + 5))
      assert.equal(await unfinished(NOW, 9), '21')
      assert.equal(await unfinished(NOW + 5, 9), '321')
      for (const step of ['registry', 'snapshot'] as const)
        await run(() => incidents.finish('incident-2', step, 'one', NOW, {}))
      assert.equal(await unfinished(NOW + 5, 9), '31')
      const [first] = await open.store.read(() => incidents.unfinished(NOW + 5, 1))
      assert.deepEqual(first, incident({ id: 'incident-3' }))
    })
  })
}

/** A store with two tenants and these incidents, each with the same two steps. */
async function filled(
  t: Parameters<typeof opened>[0],
  place: () => Place,
  incidents: readonly IncidentState[],
): Promise<OpenStore> {
  const open = await opened(t, place)
  await populate(open)
  await open.store.urgent(function* () {
    for (const state of incidents) yield* open.rows.incidents.insert(state, ['snapshot', 'registry'])
  }, LOCKS)
  return open
}
