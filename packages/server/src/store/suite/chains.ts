import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { shared } from '@lanyard/authority'
import type { SignedHead } from '../ports.ts'
import { signHeads } from '../sign-heads.ts'
import { opened, type Place } from './place.ts'
import { certificate, event, idOf, NOW, populate, record, walk } from './samples.ts'

export function chainsSuite(place: () => Place): void {
  describe('chains', () => {
    test('hold while rows are revoked and both kinds mix', async t => {
      const open = await opened(t, place)
      await populate(open)
      const { store, rows, instance } = open
      await record(open, certificate(1), certificate(2))
      await store.write(() => rows.events.append(event()), shared())
      await store.write(() => rows.certificates.revoke({ lineage: idOf(1) }, { at: NOW, reason: 'x' }), shared())
      assert.deepEqual(await open.verifyChain(instance, 'issuance'), {
        instance,
        chain: 'issuance',
        from: 1,
        to: 2,
        heads: [],
      })
      assert.equal((await open.verifyChain(instance, 'audit')).to, 1)
    })

    test('of an instance that nobody knows are no chains', async t => {
      const open = await opened(t, place)
      await assert.rejects(open.verifyChain('nobody', 'audit'))
    })

    test('are signed when they have grown', async t => {
      const open = await opened(t, place)
      const { store, rows, instance } = open
      await store.write(() => rows.events.append(event()), shared())
      const signed = await signHeads(open, NOW, head => `jws ${head.chain} ${head.seq}`)
      assert.deepEqual(
        signed.map(({ signature, at }) => [signature, at]),
        [['jws audit 1', NOW]],
      )
      assert.deepEqual(await signHeads(open, NOW + 1, () => assert.fail('nothing to sign')), [])
      await store.write(() => rows.events.append(event()), shared())
      await signHeads(open, NOW + 2, async head => `jws ${head.seq}`)
      const of = { instance, chain: 'audit' } as const
      const listed: SignedHead[] = await walk(open, page => rows.heads.list(of, page), 1)
      assert.deepEqual(
        listed.map(({ seq, at }) => [seq, at]),
        [
          [2, NOW + 2],
          [1, NOW],
        ],
      )
      assert.equal((await open.verifyChain(instance, 'audit')).heads.length, 2)
    })

    test('that contradict a signed head are damaged', async t => {
      const open = await opened(t, place)
      const { store, rows, instance } = open
      await store.write(() => rows.events.append(event()), shared())
      const head = { instance, chain: 'audit', at: NOW, signature: '' } as const
      await store.write(() => rows.heads.insert({ ...head, seq: 3, hash: 'ab'.repeat(32) }), shared())
      await assert.rejects(open.verifyChain(instance, 'audit'), { code: 'store_damaged', message: /^row 2 / })
      await store.write(() => rows.heads.insert({ ...head, seq: 1, hash: 'ab'.repeat(32) }), shared())
      await assert.rejects(open.verifyChain(instance, 'audit'), { code: 'store_damaged', message: /^row 1 / })
    })

    test('go on where they were after the store was closed', async t => {
      const made = place()
      t.after(() => made.remove())
      if (!made.keeps) return
      for (const number of [1, 2, 3]) {
        const open = await made.open()
        if (number === 1) await populate(open)
        await record(open, certificate(number))
        await open.store.write(() => open.rows.events.append(event()), shared())
        assert.equal((await open.verifyChain(open.instance, 'issuance')).to, number)
        assert.equal((await open.verifyChain(open.instance, 'audit')).to, number)
        await open.close()
      }
    })
  })
}
