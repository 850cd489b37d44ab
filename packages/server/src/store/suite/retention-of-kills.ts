import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type DeathState, shared } from '@lanyard/authority'
import type { OpenStore, Pruned } from '../ports.ts'
import { opened, type Place } from './place.ts'
import { ack, incident, NOW, point, populate, service } from './samples.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const RETENTION = { certificatesMs: DAY, eventsMs: 90 * DAY, nodesMs: 7 * DAY }

export function killRetentionSuite(place: () => Place): void {
  describe('retention of kills', () => {
    test('removes deaths, snapshots and services when they are over', async t => {
      const open = await filled(t, place)
      const { store, rows } = open
      const left = async () => (await store.read(() => rows.deaths.all(0))).map(({ value }) => value)
      const kept = async () => (await store.read(() => rows.snapshots.find('incident-1'))) !== undefined
      const served = () => store.read(() => rows.services.count(point(1)))
      assert.deepEqual(countsOf(await open.prune(NOW + 5, RETENTION)), {})
      assert.deepEqual([await left(), await kept(), await served()], [['for a time', 'for ever'], true, 1])
      assert.deepEqual(countsOf(await open.prune(NOW + 6, RETENTION)), { deaths: 1, snapshots: 1, services: 1 })
      assert.deepEqual([await left(), await kept(), await served()], [['for ever'], false, 0])
    })

    test('removes points an hour after their lease, and acknowledgements with the events', async t => {
      const open = await filled(t, place)
      const { store, rows } = open
      const found = async () => (await store.read(() => rows.points.find(point(1).point))) !== undefined
      await open.prune(NOW + 5 + HOUR, RETENTION)
      assert.equal(await found(), true)
      assert.deepEqual(countsOf(await open.prune(NOW + 6 + HOUR, RETENTION)), { points: 1 })
      assert.equal(await found(), false)
      assert.equal((await store.read(() => rows.acks.covering(0))).length, 250)
      await open.prune(ack(1, 1).receivedAt + 90 * DAY, RETENTION)
      assert.equal((await store.read(() => rows.acks.covering(0))).length, 250)
      assert.equal((await open.prune(ack(1, 1).receivedAt + 90 * DAY + 1, RETENTION)).acks, 250)
    })

    test('removes incidents with their steps, but none that has work or a time to live left', async t => {
      const open = await filled(t, place)
      const { store, rows } = open
      const ids = async () => {
        const { items } = await store.read(() => rows.incidents.list({}, { limit: 9, after: null }))
        return items.map(({ id }) => id)
      }
      assert.equal((await open.prune(NOW + 90 * DAY, RETENTION)).incidents, 0)
      assert.equal((await open.prune(NOW + 90 * DAY + 1, RETENTION)).incidents, 1)
      assert.deepEqual(await ids(), ['incident-3', 'incident-2'])
      assert.deepEqual(await store.read(() => rows.incidents.steps('incident-1')), [])
      assert.equal((await store.read(() => rows.incidents.steps('incident-2'))).length, 1)
    })
  })
}

const countsOf = (pruned: Pruned) => Object.fromEntries(Object.entries(pruned).filter(([, count]) => count > 0))

const death = (value: string, until: number | null): DeathState => ({
  kind: 'lineage',
  value,
  through: 1,
  reborn: 0,
  epoch: 1,
  at: NOW,
  until,
})

/** Something of each kind: what ends does so at NOW + 5. */
async function filled(t: Parameters<typeof opened>[0], place: () => Place): Promise<OpenStore> {
  const open = await opened(t, place)
  await populate(open)
  const { deaths, snapshots, services, points, acks, incidents } = open.rows
  await open.store.write(function* () {
    yield* deaths.put([death('for ever', null), death('for a time', NOW + 5)])
    const sealed = new Uint8Array([1])
    yield* snapshots.put({ incident: 'incident-1', takenAt: NOW, keptUntil: NOW + 5, sealed })
    yield* services.put(service('https://a', { leasedUntil: NOW + 5 }))
    yield* points.put(point(1, { leasedUntil: NOW + 5 }))
    for (let number = 1; number <= 250; number += 1) yield* acks.insert(ack(number, number % 7))
    yield* incidents.insert(incident({ state: 'closed', ttlUntil: null }), ['registry', 'snapshot'])
    yield* incidents.insert(incident({ id: 'incident-2', ttlUntil: null }), ['registry'])
    yield* incidents.insert(incident({ id: 'incident-3', state: 'closed' }), [])
  }, shared('acme'))
  return open
}
