import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Step, shared, type Voucher } from '@lanyard/authority'
import type { OpenStore } from '../ports.ts'
import { opened, type Place } from './place.ts'
import { idOf, lineage, NOW, populate } from './samples.ts'

const idp = { kind: 'idp', id: idOf(1), tenant: 'acme' } as const
const issuer = { kind: 'issuer', id: idOf(2), tenant: null } as const
const RETENTION = { certificatesMs: 0, eventsMs: 1000, nodesMs: 0 }

export function trustSuite(place: () => Place): void {
  const told = async (t: Parameters<typeof opened>[0]) => {
    const open = await opened(t, place)
    await populate(open)
    const { trust } = open.rows
    await write(open, function* () {
      yield* trust.answer(idp, ['issuer', 'jwks_uri'], 'api-key:k1')
      yield* trust.answer(issuer, ['issuer'], 'principal:p1')
    })
    const by = async (maker: string) => sorted(await open.store.read(() => trust.by(maker)))
    return { open, trust, by }
  }

  describe('what is trusted', () => {
    test('is by the word of who said it last, each setting for itself', async t => {
      const { open, trust, by } = await told(t)
      assert.deepEqual([await by('api-key:k1'), await by('principal:p1')], [[idp], [issuer]])
      for (const other of ['api-key:k', 'api-key:K1', 'api-key:%', '', "' or 1=1 --"])
        assert.deepEqual(await by(other), [])
      await write(open, () => trust.answer(idp, ['jwks_uri', 'audiences'], 'principal:p1'))
      assert.deepEqual([await by('api-key:k1'), await by('principal:p1')], [[idp], [idp, issuer]])
      await write(open, () => trust.answer(idp, ['issuer'], 'principal:p1'))
      assert.deepEqual([await by('api-key:k1'), await by('principal:p1')], [[], [idp, issuer]])
    })

    test('of a provider that was deleted is known for as long as anything goes on that it vouched for', async t => {
      const { open, trust, by } = await told(t)
      const vouched = lineage({ id: idOf(7), mintedBy: `idp:${idOf(1)}`, jti: idOf(8) })
      await write(open, () => open.rows.lineages.insert(vouched))
      await write(open, () => trust.gone(idp.id, NOW))
      assert.deepEqual(await by('api-key:k1'), [idp])
      assert.equal((await open.prune(NOW + 1001, RETENTION)).trust, 0)
      await write(open, () => open.rows.lineages.end([idOf(7)]))
      assert.equal((await open.prune(NOW + 1000, RETENTION)).trust, 0)
      assert.equal((await open.prune(NOW + 1001, RETENTION)).trust, 2)
      assert.deepEqual([await by('api-key:k1'), await by('principal:p1')], [[], [issuer]])
    })
  })
}

const sorted = (vouchers: readonly Voucher[]) =>
  vouchers.map(({ kind, id, tenant }) => ({ kind, id, tenant })).sort((a, b) => a.id.localeCompare(b.id))

const write = <T>({ store }: OpenStore, step: () => Step<T>) => store.write(step, shared('acme', 'globex'))
