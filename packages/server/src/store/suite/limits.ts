import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LanyardError } from '@lanyard/api'
import { type Step, shared } from '@lanyard/authority'
import type { OpenStore } from '../ports.ts'
import { opened, type Place } from './place.ts'
import { certificate, event, NOW, populate } from './samples.ts'

const DAY = 86_400_000

/** What a store promises that may take no more than so much space. */
export function limitsSuite(name: string, place: () => Place): void {
  describe(`limits of ${name}`, () => {
    test('give store_unavailable when there is no room, lose nothing, and go on when there is room', async t => {
      const open = await opened(t, place, { maxBytes: 600_000 })
      await populate(open)
      const written = await fill(open)
      assert.ok(written > 100, `${written} events fitted`)
      assert.equal((await open.verifyChain(open.instance, 'audit')).to, written)
      await assert.rejects(insertBig(open), { code: 'store_unavailable' })
      const refusing = open.store.write(function* (): Step<void> {
        yield* open.rows.tenants.find('acme')
        throw new LanyardError('agent_quarantined', 'refused by a test')
      }, shared())
      await assert.rejects(refusing, { code: 'agent_quarantined' })
      const pruned = await open.prune(event().at + 1000, { certificatesMs: 0, eventsMs: 0, nodesMs: 0 })
      assert.equal(pruned.events, written)
      await insertBig(open)
      assert.equal((await open.verifyChain(open.instance, 'audit')).to, written + 1)
    })

    test('keeps the place from growing at a steady rate', async t => {
      // At most two rounds fit; six rounds pass through it.
      const open = await opened(t, place, { maxBytes: 700_000 })
      await populate(open)
      for (const round of [1, 2, 3, 4, 5, 6]) {
        const at = NOW + round * DAY
        await Promise.all(
          Array.from({ length: 900 }, (_, index) =>
            open.store.write(
              () => open.rows.certificates.insert(certificate(round * 1000 + index, { issuedAt: at })),
              shared(),
            ),
          ),
        )
        await open.prune(at + 301_000, { certificatesMs: 0, eventsMs: 90 * DAY, nodesMs: 0 })
      }
      assert.equal((await open.verifyChain(open.instance, 'issuance')).to, 5400)
    })
  })
}

const insertBig = ({ store, rows }: OpenStore) =>
  store.write(() => rows.events.append(event({ detail: { text: 'x'.repeat(1000) } })), shared())

/** Appends in groups until the store refuses; gives how many it took. */
async function fill(open: OpenStore): Promise<number> {
  let written = 0
  for (;;) {
    const group = await Promise.allSettled(Array.from({ length: 32 }, () => insertBig(open)))
    const codes = new Set(group.map(result => (result.status === 'fulfilled' ? 'fulfilled' : result.reason.code)))
    written += group.filter(({ status }) => status === 'fulfilled').length
    codes.delete('fulfilled')
    if (codes.size === 0) continue
    assert.deepEqual([...codes], ['store_unavailable'])
    return written
  }
}
