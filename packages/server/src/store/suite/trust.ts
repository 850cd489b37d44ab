import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type BindingState,
  type JoinTokenState,
  type SecretState,
  type Step,
  shared,
  type Voucher,
} from '@lanyard/authority'
import type { OpenStore } from '../ports.ts'
import { opened, type Place } from './place.ts'
import { apiKey, idOf, lineage, NOW, node, populate } from './samples.ts'

const idp = { kind: 'idp', id: idOf(1), tenant: 'acme' } as const
const issuer = { kind: 'issuer', id: idOf(2), tenant: null } as const
const joinToken: JoinTokenState = {
  ...{ hash: new Uint8Array(32).fill(1), name: 'n1', tenant: 'acme', groups: [] },
  ...{ createdBy: 'server', createdAt: NOW, expiresAt: NOW },
}
const secret: SecretState = {
  ...{ id: '0'.repeat(12), tenant: 'acme', agent: 'invoice', hash: new Uint8Array(32), incarnation: 1 },
  ...{ standing: 'current', createdBy: 'server', createdAt: NOW, endedAt: null },
}
const binding: BindingState = {
  ...{
    id: idOf(1),
    kind: 'certificate',
    issuer: null,
    value: 'dn:CN=a',
    role: 'operator',
    tenant: 'acme',
    agents: null,
  },
  ...{ createdBy: 'server', createdAt: NOW, expiresAt: null },
}
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
      const found = await open.store.read(() => trust.find(issuer.id))
      assert.deepEqual(found && sorted([found]), [issuer])
      assert.equal(await open.store.read(() => trust.find(idOf(3))), undefined)
      await write(open, () => trust.answer(idp, ['jwks_uri', 'audiences'], 'principal:p1'))
      assert.deepEqual([await by('api-key:k1'), await by('principal:p1')], [[idp], [idp, issuer]])
      await write(open, () => trust.answer(idp, ['issuer'], 'principal:p1'))
      assert.deepEqual([await by('api-key:k1'), await by('principal:p1')], [[], [idp, issuer]])
    })

    test('and whatever else there is names its makers, who are found by how their names begin', async t => {
      const { open } = await told(t)
      const { apiKeys, joinTokens, secrets, bindings, lineages, nodes, makers } = open.rows
      const maker = (number: number) => `principal:abc${number}`
      await write(open, function* () {
        yield* apiKeys.insert(apiKey({ id: 'k9', createdBy: maker(1) }))
        yield* joinTokens.insert({ ...joinToken, createdBy: maker(2) })
        yield* nodes.insert(node(23, { joinedBy: maker(3) }))
        yield* nodes.insert(node(24, { joinedBy: maker(4), bannedAt: NOW }))
        yield* secrets.insert({ ...secret, createdBy: maker(5) })
        yield* bindings.insert({ ...binding, id: idOf(26), createdBy: maker(6) })
        yield* lineages.insert(lineage({ id: idOf(27), jti: idOf(28), mintedBy: maker(7) }))
        yield* open.rows.trust.answer(idp, ['tier'], maker(8))
        yield* open.rows.trust.answer(idp, ['enabled'], maker(1))
        yield* bindings.insert({ ...binding, id: idOf(29), createdBy: 'principal:abd0' })
      })
      const beginning = async (name: string) => (await open.store.read(() => makers.beginning(name))).toSorted()
      assert.deepEqual(await beginning('principal:abc'), [1, 2, 3, 5, 6, 7, 8].map(maker))
      assert.deepEqual(await beginning('principal:abc5'), [maker(5)])
      for (const other of ['principal:abc9', 'principal:ABC', 'rincipal:abc', '%'])
        assert.deepEqual(await beginning(other), [])
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
