import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type AckState, type PointState, type SnapshotState, shared } from '@lanyard/authority'
import type { OpenStore } from '../ports.ts'
import { opened, type Place } from './place.ts'
import { ack, incident, NOW, point, populate, walk } from './samples.ts'

const idsOf = (items: readonly { point: string }[]) => items.map(item => item.point.at(-1)).join('')

export function pointsSuite(place: () => Place): void {
  describe('enforcement points', () => {
    test('give back what they said last', async t => {
      const open = await enrolled(t, place, [point(1)])
      const { store, rows } = open
      assert.deepEqual(await store.read(() => rows.points.find(point(1).point)), point(1))
      assert.equal(await store.read(() => rows.points.find(point(2).point)), undefined)
      const later = point(1, {
        mode: 'best_effort',
        name: 'other',
        leasedUntil: NOW + 99,
        epoch: 8,
        asOf: NOW + 1,
        offsetMs: -1234567.125,
        uncertaintyMs: 0.5,
        sessions: 7,
      })
      await enrol(open, [later])
      assert.deepEqual(await store.read(() => rows.points.find(later.point)), later)
      await assert.rejects(enrol(open, [point(2, { agent: 'nobody' })]))
    })

    test('hold a lease from their enrolment to its end', async t => {
      const { store, rows } = await enrolled(t, place, [
        point(3, { enrolledAt: NOW, leasedUntil: NOW + 10 }),
        point(1, { enrolledAt: NOW - 5, leasedUntil: NOW + 5 }),
        point(2, { tenant: 'globex', enrolledAt: NOW + 6, leasedUntil: NOW + 20 }),
      ])
      const leased = async (at: number) => idsOf(await store.read(() => rows.points.leasedAt(at)))
      assert.equal(await leased(NOW - 6), '')
      assert.equal(await leased(NOW), '13')
      assert.equal(await leased(NOW + 5), '13')
      assert.equal(await leased(NOW + 6), '23')
      assert.equal(await leased(NOW + 21), '')
    })

    test('are heard once they have acknowledged the epoch or a later one', async t => {
      const open = await enrolled(t, place, [point(1), point(2), point(3), point(4, { enrolledAt: NOW + 1 })])
      await acknowledge(open, [ack(1, 5), ack(2, 7), ack(3, 4), ack(4, 4)])
      const unheard = async (epoch: number, limit = 9) =>
        (await open.store.read(() => open.rows.points.unheard(NOW, epoch, limit))).map(one => one.point.at(-1)).sort()
      assert.deepEqual(await unheard(4), [])
      assert.deepEqual(await unheard(5), ['3'])
      assert.deepEqual(await unheard(6), ['1', '3'])
      assert.deepEqual(await unheard(8), ['1', '2', '3'])
      assert.equal((await unheard(8, 2)).length, 2)
    })

    test('are counted by agent and tenant, as long as they are leased', async t => {
      const { store, rows } = await enrolled(t, place, [
        point(1),
        point(2, { leasedUntil: NOW + 5 }),
        point(3, { leasedUntil: NOW - 1 }),
        point(4, { tenant: 'globex' }),
      ])
      const leases = (key: { tenant: string; agent: string }, at = NOW) =>
        store.read(() => rows.points.leases({ ...key }, at))
      const acme = { tenant: 'acme', agent: 'invoice' }
      assert.deepEqual(await leases(acme), { ofAgent: 2, ofTenant: 2 })
      assert.deepEqual(await leases(acme, NOW + 6), { ofAgent: 1, ofTenant: 1 })
      assert.deepEqual(await leases({ ...acme, agent: 'nobody' }), { ofAgent: 0, ofTenant: 2 })
      assert.deepEqual(await leases({ ...acme, tenant: 'globex' }), { ofAgent: 1, ofTenant: 1 })
      assert.deepEqual(await leases({ ...acme, tenant: 'nobody' }), { ofAgent: 0, ofTenant: 0 })
    })

    test('are listed in pages, by tenant, as long as their lease is not long over', async t => {
      const open = await enrolled(t, place, [
        point(4),
        point(2, { tenant: 'globex' }),
        point(1, { leasedUntil: NOW - 9 }),
        point(3),
      ])
      const list = async (filter: Parameters<typeof open.rows.points.list>[0], limit: number) =>
        idsOf(await walk(open, page => open.rows.points.list(filter, page), limit))
      for (const limit of [1, 2, 9]) {
        assert.equal(await list({ since: NOW }, limit), '234')
        assert.equal(await list({ since: NOW - 9 }, limit), '1234')
        assert.equal(await list({ since: NOW, tenant: 'acme' }, limit), '34')
        assert.equal(await list({ since: NOW, tenant: 'nobody' }, limit), '')
      }
    })
  })

  describe('acknowledgements', () => {
    test('stay as they came first', async t => {
      const open = await opened(t, place)
      const odd = ack(1, 5, { lastAccept: null, offsetMs: null, uncertaintyMs: null, cut: 0 })
      await acknowledge(open, [odd, ack(1, 5, { jws: 'again', appliedAt: NOW + 5 })])
      assert.deepEqual(await open.store.read(() => open.rows.acks.covering(5)), [odd])
    })

    test('cover an epoch by the first that reaches it', async t => {
      const open = await opened(t, place)
      await acknowledge(open, [ack(1, 3), ack(1, 7), ack(2, 9), ack(2, 5), ack(3, 4), ack(1, 4)])
      const covering = async (epoch: number) =>
        (await open.store.read(() => open.rows.acks.covering(epoch))).map(one => `${one.point.at(-1)}:${one.epoch}`)
      assert.deepEqual(await covering(1), ['1:3', '2:5', '3:4'])
      assert.deepEqual(await covering(4), ['1:4', '2:5', '3:4'])
      assert.deepEqual(await covering(5), ['1:7', '2:5'])
      assert.deepEqual(await covering(8), ['2:9'])
      assert.deepEqual(await covering(10), [])
      assert.deepEqual(await open.store.read(() => open.rows.acks.covering(8)), [ack(2, 9)])
    })
  })

  describe('acknowledgements that are wanted', () => {
    test('cover an open incident that the point has not covered yet', async t => {
      const open = await opened(t, place)
      await populate(open)
      await acknowledge(open, [ack(1, 5), ack(2, 7)])
      await open.store.write(function* () {
        yield* open.rows.incidents.insert(incident({ id: 'incident-5', epoch: 5 }), [])
        yield* open.rows.incidents.insert(incident({ id: 'incident-6', epoch: 6 }), [])
        yield* open.rows.incidents.insert(incident({ id: 'incident-8', epoch: 8, state: 'closed' }), [])
      }, shared('acme'))
      const wanted = (number: number, epoch: number) =>
        open.store.read(() => open.rows.acks.wanted(point(number).point, epoch))
      assert.deepEqual(
        [await wanted(1, 5), await wanted(1, 6), await wanted(1, 9), await wanted(2, 9)],
        [false, true, true, false],
      )
      assert.deepEqual([await wanted(3, 4), await wanted(3, 5), await wanted(3, 9)], [false, true, true])
    })
  })

  describe('snapshots', () => {
    test('give back what was put last', async t => {
      const { store, rows } = await opened(t, place)
      const snapshot: SnapshotState = {
        incident: 'incident-1',
        takenAt: NOW,
        keptUntil: NOW + 5,
        sealed: new Uint8Array([0, 255, 7]),
      }
      assert.equal(await store.read(() => rows.snapshots.find('incident-1')), undefined)
      await store.write(() => rows.snapshots.put(snapshot), shared())
      assert.deepEqual(sealedOf(await store.read(() => rows.snapshots.find('incident-1'))), sealedOf(snapshot))
      const later = { ...snapshot, takenAt: NOW + 1, sealed: new Uint8Array([1]) }
      await store.write(() => rows.snapshots.put(later), shared())
      assert.deepEqual(sealedOf(await store.read(() => rows.snapshots.find('incident-1'))), sealedOf(later))
    })
  })
}

// A driver may give its own kind of bytes.
const sealedOf = (snapshot: SnapshotState | undefined) =>
  snapshot && { ...snapshot, sealed: Buffer.from(snapshot.sealed).toString('hex') }

function enrol({ store, rows }: OpenStore, points: readonly PointState[]) {
  return store.write(
    function* () {
      for (const state of points) yield* rows.points.put(state)
    },
    shared('acme', 'globex'),
  )
}

async function enrolled(t: Parameters<typeof opened>[0], place: () => Place, points: readonly PointState[]) {
  const open = await opened(t, place)
  await populate(open)
  await enrol(open, points)
  return open
}

function acknowledge({ store, rows }: OpenStore, acks: readonly AckState[]) {
  return store.write(function* () {
    for (const state of acks) yield* rows.acks.insert(state)
  }, shared())
}
