import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type CertificateFilter, type CertificateState, shared } from '@lanyard/authority'
import fc from 'fast-check'
import type { OpenStore } from '../ports.ts'
import { opened, type Place } from './place.ts'
import { agent, certificate, ISSUER, idOf, lineage, NOW, populate, record, thumbprint, walk } from './samples.ts'

const OTHER_ISSUER = 'b2'.repeat(20)

export function certificatesSuite(place: () => Place): void {
  describe('certificates', () => {
    test('give back what was written', async t => {
      const open = await opened(t, place)
      await populate(open)
      const { store, rows } = open
      const first = certificate(1)
      const renewed = certificate(2, { generation: 2, parent: idOf(1), mintedBy: `certificate:${idOf(1)}` })
      const odd = certificate(3, { tier: 'platinum', mintedBy: 'workload-api:x', source: null, correlation: null })
      const crossed = certificate(4, { parent: idOf(1), mintedBy: `agent-token:${idOf(0x1111)}` })
      await record(open, first, renewed, odd, crossed)
      for (const written of [first, renewed, odd, crossed]) {
        assert.deepEqual(await store.read(() => rows.certificates.find(ISSUER, written.serial)), written)
        assert.deepEqual(await store.read(() => rows.certificates.findBySerial(written.serial, null)), written)
      }
    })

    test('are told apart by issuer and serial, and seen by their own tenant', async t => {
      const open = await opened(t, place)
      await populate(open)
      const { store, rows } = open
      const mine = certificate(1)
      const theirs = certificate(1, {
        issuerKeyId: OTHER_ISSUER,
        tenant: 'globex',
        lineage: idOf(2),
        keyThumbprint: thumbprint(9),
      })
      await record(open, mine, { ...theirs, mintedBy: `agent-token:${idOf(0x2222)}` })
      assert.equal((await store.read(() => rows.certificates.find(ISSUER, idOf(1))))?.tenant, 'acme')
      assert.equal((await store.read(() => rows.certificates.find(OTHER_ISSUER, idOf(1))))?.tenant, 'globex')
      assert.equal(await store.read(() => rows.certificates.find('c3'.repeat(20), idOf(1))), undefined)
      assert.equal((await store.read(() => rows.certificates.findBySerial(idOf(1), 'globex')))?.tenant, 'globex')
      assert.equal(await store.read(() => rows.certificates.findBySerial(idOf(1), 'initech')), undefined)
      await assert.rejects(record(open, certificate(1)))
      await assert.rejects(record(open, certificate(5, { lineage: idOf(0xdead) })))
    })

    test('are revoked with their lineage or their agent, once, newest first', async t => {
      const open = await opened(t, place)
      await populate(open)
      const { store, rows } = open
      await store.write(function* () {
        yield* rows.lineages.insert(lineage({ id: idOf(3) }))
      }, shared())
      await record(
        open,
        certificate(1, { issuedAt: NOW - 1000 }),
        certificate(2),
        certificate(3, { lineage: idOf(3) }),
        certificate(4, { issuedAt: NOW - 300_000, notAfter: NOW / 1000 - 1 }),
        certificate(5, { issuedAt: NOW - 299_000, notAfter: NOW / 1000 }),
        certificate(6, { tenant: 'globex', lineage: idOf(2) }),
      )
      const at = NOW + 999
      const byLineage = { at, reason: 'copied' }
      const first = await store.write(() => rows.certificates.revoke({ lineage: idOf(1) }, byLineage), shared())
      assert.deepEqual(first, [idOf(2), idOf(1), idOf(5)], 'the second in which it ends still counts')
      const of = async (whose: { tenant: string; agent: string; lineages: string[] }) =>
        await store.write(() => rows.certificates.revoke(whose, { at, reason: 'x' }), shared())
      assert.deepEqual(await of({ tenant: 'acme', agent: 'invoice', lineages: [idOf(1), idOf(2)] }), [])
      assert.deepEqual(await of({ tenant: 'globex', agent: 'invoice', lineages: [idOf(3)] }), [])
      const second = await store.write(
        () => rows.certificates.revoke({ tenant: 'acme', agent: 'invoice' }, { at, reason: 'killed' }),
        shared(),
      )
      assert.deepEqual(second, [idOf(3)])
      const found = async (number: number) => store.read(() => rows.certificates.findBySerial(idOf(number), null))
      assert.deepEqual([(await found(1))?.revokedAt, (await found(1))?.revokedReason], [at, 'copied'])
      assert.equal((await found(3))?.revokedReason, 'killed')
      assert.equal((await found(4))?.revokedAt, null)
      assert.equal((await found(6))?.revokedAt, null)
    })

    test('are revoked with many lineages of one agent, and no others', async t => {
      const open = await opened(t, place)
      await populate(open)
      const { store, rows } = open
      await store.write(function* () {
        for (const n of [3, 4]) yield* rows.lineages.insert(lineage({ id: idOf(n) }))
      }, shared())
      const issued = [1, 3, 4].map((n, place) => certificate(n, { lineage: idOf(n), issuedAt: NOW - 9 + place }))
      await record(open, ...issued)
      const whose = { tenant: 'acme', agent: 'invoice', lineages: [idOf(1), idOf(4), idOf(9)] }
      const revoke = () => store.write(() => rows.certificates.revoke(whose, { at: NOW, reason: 'x' }), shared())
      assert.deepEqual([await revoke(), await revoke()], [[idOf(4), idOf(1)], []])
      assert.equal((await store.read(() => rows.certificates.findBySerial(idOf(3), null)))?.revokedAt, null)
    })

    test('are listed by every filter', async t => {
      const open = await opened(t, place)
      await populate(open)
      const { store, rows } = open
      await store.write(function* () {
        yield* rows.agents.insert(agent({ agent: 'other', incarnation: 2, deadThrough: 1 }))
        yield* rows.lineages.insert(lineage({ id: idOf(3), agent: 'other' }))
      }, shared())
      await record(
        open,
        certificate(1, { issuedAt: NOW - 300_000, notAfter: NOW / 1000 - 1 }),
        certificate(2, { revokedAt: null }),
        certificate(3, { agent: 'other', lineage: idOf(3), incarnation: 1 }),
        certificate(4, { agent: 'other', lineage: idOf(3), incarnation: 2 }),
        certificate(5, { tenant: 'globex', lineage: idOf(2), tier: 'platinum', notAfter: NOW / 1000 + 599 }),
      )
      await store.write(() => rows.certificates.revoke({ lineage: idOf(1) }, { at: NOW, reason: 'x' }), shared())
      const listed = async (filter: Omit<CertificateFilter, 'now'>) => {
        const found = await walk(open, page => rows.certificates.list({ now: NOW, ...filter }, page), 2)
        return found.map(({ serial }) => Number.parseInt(serial, 16))
      }
      assert.deepEqual(await listed({}), [5, 4, 3, 2, 1])
      assert.deepEqual(await listed({ tenant: 'acme' }), [4, 3, 2, 1])
      assert.deepEqual(await listed({ tenant: 'acme', agent: 'other' }), [4, 3])
      assert.deepEqual(await listed({ agent: 'invoice' }), [5, 2, 1])
      assert.deepEqual(await listed({ tenant: 'globex', agent: 'other' }), [])
      assert.deepEqual(await listed({ serial: idOf(3) }), [3])
      assert.deepEqual(await listed({ serial: idOf(3), tenant: 'globex' }), [])
      assert.deepEqual(await listed({ alive: true }), [5, 4])
      assert.deepEqual(await listed({ alive: false }), [3, 2, 1])
      assert.deepEqual(await listed({ tenant: 'nobody' }), [])
    })

    test('come in pages that together are the list, whatever shares a millisecond', async t => {
      const open = await opened(t, place)
      await populate(open)
      const ages = await fc.sample(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 23, maxLength: 23 }), {
        numRuns: 1,
        seed: 7,
      })
      const written = ages[0]!.map((age, index) => certificate(index + 1, { issuedAt: NOW - age }))
      await record(open, ...written)
      const order = expectedOrder(written)
      for (const limit of [1, 2, 3, 7, 22, 23, 24]) assert.deepEqual(await serials(open, limit), order)
    })

    test('refuse cursors that no list gave', async t => {
      const { store, rows } = await opened(t, place)
      for (const after of ['', '1', '1.2.3', 'a.b', '-1.2', '1e3.2', `${'9'.repeat(17)}.1`]) {
        await assert.rejects(
          store.read(() => rows.certificates.list({ now: NOW }, { limit: 1, after })),
          { code: 'cursor_invalid' },
        )
      }
    })
  })
}

async function serials(open: OpenStore, limit: number): Promise<string[]> {
  const found = await walk(open, page => open.rows.certificates.list({ now: NOW }, page), limit)
  return found.map(({ serial }) => serial)
}

// The last written of a millisecond comes first.
const expectedOrder = (written: readonly CertificateState[]) =>
  written
    .map((item, index) => ({ item, index }))
    .sort((a, b) => b.item.issuedAt - a.item.issuedAt || b.index - a.index)
    .map(({ item }) => item.serial)
