import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { shared } from '@lanyard/authority'
import type { OpenStore } from '../ports.ts'
import { signHeads } from '../sign-heads.ts'
import { opened, type Place } from './place.ts'
import { certificate, event, NOW, populate, record, walk } from './samples.ts'

const DAY = 86_400_000
const NONE = {
  deaths: 0,
  incidents: 0,
  snapshots: 0,
  acks: 0,
  points: 0,
  services: 0,
  nodes: 0,
  joinTokens: 0,
  entryMarks: 0,
  secrets: 0,
  federatedTokens: 0,
  bindings: 0,
  trust: 0,
}
const RETENTION = { certificatesMs: DAY, eventsMs: 90 * DAY, nodesMs: 7 * DAY }

export function retentionSuite(place: () => Place): void {
  describe('retention', () => {
    test('removes what is past its time and keeps the chain whole', async t => {
      const open = await opened(t, place)
      await populate(open)
      const { store, rows, instance } = open
      await record(
        open,
        certificate(1),
        certificate(2, { issuedAt: NOW + 1000 }),
        certificate(3, { issuedAt: NOW + DAY }),
      )
      await store.write(() => rows.events.append(event()), shared())
      await store.write(() => rows.events.append(event({ at: NOW + 1 })), shared())
      await signHeads(open, NOW, () => 'jws')

      const end = certificate(1).notAfter * 1000 + DAY
      assert.deepEqual(await open.prune(end, RETENTION), { ...NONE, certificates: 0, events: 0, heads: 0, lineages: 0 })
      assert.equal((await open.prune(end + 1000, RETENTION)).certificates, 1)
      assert.deepEqual(await serials(open), [3, 2])
      const pruned = await open.prune(NOW + 90 * DAY + 1, RETENTION)
      assert.deepEqual(pruned, { ...NONE, certificates: 2, events: 1, heads: 2, lineages: 2 })
      assert.deepEqual(await serials(open), [])

      const issuance = await open.verifyChain(instance, 'issuance')
      assert.deepEqual([issuance.from, issuance.to], [4, 3])
      const audit = await open.verifyChain(instance, 'audit')
      assert.deepEqual([audit.from, audit.to], [2, 2])
    })

    test('lets rows leave from the front of their chain only', async t => {
      const open = await opened(t, place)
      await populate(open)
      const long = certificate(1, { tier: 'platinum', notAfter: NOW / 1000 + 599 })
      await record(open, long, certificate(2))
      const between = NOW + 400_000 + DAY
      assert.equal((await open.prune(between, RETENTION)).certificates, 0)
      assert.equal((await open.prune(between + 300_000, RETENTION)).certificates, 2)
    })

    test('keeps a lineage while a certificate of it is there', async t => {
      const open = await opened(t, place)
      await populate(open)
      await record(open, certificate(1))
      const { lineages } = await open.prune(NOW + 40 * DAY, { ...RETENTION, certificatesMs: 3 * DAY })
      assert.equal(lineages, 2)
      const keeping = await opened(t, place)
      await populate(keeping)
      const late = NOW + 50 * DAY
      await record(keeping, certificate(1, { issuedAt: late }))
      assert.equal((await keeping.prune(late, RETENTION)).lineages, 1)
      assert.deepEqual(await serials(keeping), [1])
    })

    test('goes on from its anchor after all rows have left and the store was closed', async t => {
      const made = place()
      t.after(() => made.remove())
      if (!made.keeps) return
      const first = await made.open()
      await populate(first)
      await record(first, certificate(1), certificate(2))
      await first.prune(NOW + 10 * DAY, RETENTION)
      await first.close()
      const again = await made.open()
      await record(again, certificate(3))
      const { from, to } = await again.verifyChain(again.instance, 'issuance')
      assert.deepEqual([from, to], [3, 3])
      await again.close()
    })
  })
}

async function serials(open: OpenStore): Promise<number[]> {
  const found = await walk(open, page => open.rows.certificates.list({ now: NOW }, page), 10)
  return found.map(({ serial }) => Number.parseInt(serial, 16))
}
