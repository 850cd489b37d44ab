import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type EventFilter, type EventState, shared } from '@lanyard/authority'
import fc from 'fast-check'
import type { OpenStore } from '../ports.ts'
import { opened, type Place } from './place.ts'
import { certificate, event, idOf, NOW, populate, record, walk } from './samples.ts'

export function eventsSuite(place: () => Place): void {
  describe('events', () => {
    test('give back what was written, with their place in the chain', async t => {
      const { store, rows, instance } = await opened(t, place)
      await store.write(() => rows.events.append(event()), shared())
      const { items, next } = await store.read(() => rows.events.list({}, { limit: 5, after: null }))
      const [{ hash, ...rest }] = items as [EventState]
      assert.equal(next, null)
      assert.match(hash, /^[0-9a-f]{64}$/)
      assert.deepEqual(rest, { ...event(), instance, chain: 'audit', seq: 1 })
    })

    test('tell of certificates as cert.issued', async t => {
      const open = await opened(t, place)
      await populate(open)
      await record(open, certificate(1))
      const { items } = await open.store.read(() => open.rows.events.list({}, { limit: 5, after: null }))
      const [{ hash, detail, ...rest }] = items as [EventState]
      assert.match(hash, /^[0-9a-f]{64}$/)
      assert.equal(detail.serial, idOf(1))
      assert.deepEqual(rest, {
        at: NOW,
        type: 'cert.issued',
        outcome: 'ok',
        tenant: 'acme',
        agent: 'invoice',
        actor: 'agent:spiffe://example.org/acme/invoice',
        source: '192.0.2.7',
        correlation: 'request-1',
        instance: open.instance,
        chain: 'issuance',
        seq: 1,
      })
    })

    test('are listed by every filter', async t => {
      const open = await opened(t, place)
      await populate(open)
      const { store, rows } = open
      await record(open, certificate(1, { issuedAt: NOW }), certificate(2, { issuedAt: NOW + 30 }))
      await store.write(function* () {
        yield* rows.events.append(event({ at: NOW + 10 }))
        yield* rows.events.append(event({ at: NOW + 20, type: 'apikey.created', tenant: null, agent: null }))
        yield* rows.events.append(event({ at: NOW + 40, tenant: 'globex' }))
      }, shared())
      const listed = async (filter: EventFilter) => {
        const found = await walk(open, page => rows.events.list(filter, page), 2)
        return found.map(({ at }) => at - NOW)
      }
      assert.deepEqual(await listed({}), [40, 30, 20, 10, 0])
      assert.deepEqual(await listed({ tenant: 'acme' }), [30, 10, 0])
      assert.deepEqual(await listed({ tenant: 'acme', agent: 'invoice' }), [30, 10, 0])
      assert.deepEqual(await listed({ agent: 'invoice' }), [40, 30, 10, 0])
      assert.deepEqual(await listed({ tenant: 'globex', agent: 'other' }), [])
      assert.deepEqual(await listed({ type: 'cert.issued' }), [30, 0])
      assert.deepEqual(await listed({ type: 'agent.created', tenant: 'acme' }), [10])
      assert.deepEqual(await listed({ since: NOW + 10, until: NOW + 30 }), [20, 10])
    })

    test('come in pages that together are the list, whichever table they lie in', async t => {
      const open = await opened(t, place)
      await populate(open)
      const [plan] = fc.sample(
        fc.array(fc.record({ age: fc.integer({ min: 0, max: 3 }), issued: fc.boolean() }), {
          minLength: 25,
          maxLength: 25,
        }),
        { numRuns: 1, seed: 11 },
      )
      for (const [index, { age, issued }] of plan!.entries()) {
        if (issued) await record(open, certificate(index + 1, { issuedAt: NOW - age }))
        else await open.store.write(() => open.rows.events.append(event({ at: NOW - age })), shared())
      }
      const whole = await keys(open, 100)
      assert.equal(new Set(whole).size, plan!.length)
      for (const limit of [1, 2, 3, 7, 24, 25]) assert.deepEqual(await keys(open, limit), whole)
      const times = whole.map(key => Number(key.split(' ')[0]))
      assert.deepEqual(
        times,
        times.toSorted((a, b) => b - a),
      )
    })

    test('that are long come in shorter pages, which together are the list', async t => {
      const open = await opened(t, place)
      const detail = { text: 'x'.repeat(300_000) }
      for (let i = 0; i < 8; i++)
        await open.store.write(() => open.rows.events.append(event({ at: NOW + i, detail })), shared())
      const huge = { text: 'x'.repeat(2_000_000) }
      await open.store.write(() => open.rows.events.append(event({ at: NOW + 8, detail: huge })), shared())
      const pages: number[] = []
      const found = await walk(
        open,
        function* (page) {
          const listed = yield* open.rows.events.list({}, page)
          pages.push(listed.items.length)
          return listed
        },
        100,
      )
      assert.deepEqual(pages, [1, 3, 3, 2])
      assert.deepEqual(
        found.map(({ at }) => at - NOW),
        [8, 7, 6, 5, 4, 3, 2, 1, 0],
      )
    })

    test('refuse cursors that no list gave', async t => {
      const { store, rows } = await opened(t, place)
      for (const after of ['', '1.2', '1.2.3', '1.0.x']) {
        await assert.rejects(
          store.read(() => rows.events.list({}, { limit: 1, after })),
          { code: 'cursor_invalid' },
        )
      }
    })
  })
}

async function keys(open: OpenStore, limit: number): Promise<string[]> {
  const found = await walk(open, page => open.rows.events.list({}, page), limit)
  return found.map(({ at, chain, seq }) => `${at} ${chain} ${seq}`)
}
