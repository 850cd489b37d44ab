import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type AdmissionState, type FederatedTokenState, type IdpState, shared } from '@lanyard/authority'
import type { OpenStore } from '../ports.ts'
import { opened, type Place } from './place.ts'
import { agent, idOf, lineage, NOW, populate, walk } from './samples.ts'

const idp = (number: number, changes: Partial<IdpState> = {}): IdpState => ({
  id: idOf(number),
  tenant: 'acme',
  issuer: `https://idp-${number}.test/`,
  jwksUri: null,
  audiences: ['lanyard', 'größe "1"'],
  algorithms: ['RS256', 'ES256'],
  agentClaim: '/kubernetes.io/serviceaccount/name',
  requiredClaims: { env: ['prod', 1, true], aal: 2, uid: null },
  maxTokenAgeSec: 3600,
  tier: 'bronze',
  enabled: true,
  allowAgentFederation: false,
  createdBy: 'api-key:k1',
  updatedBy: 'api-key:k1',
  createdAt: NOW,
  updatedAt: NOW,
  ...changes,
})

const spent = (number: number, changes: Partial<FederatedTokenState> = {}): FederatedTokenState => ({
  hash: idOf(number).repeat(2),
  tenant: 'acme',
  agent: 'invoice',
  lineage: idOf(number),
  expiresAt: NOW + 60_000,
  ...changes,
})

export function idpsSuite(place: () => Place): void {
  describe('identity providers', () => {
    test('are found by tenant and id, by id alone and by issuer', async t => {
      const open = await opened(t, place)
      const { store, rows } = open
      await populate(open)
      await insert(open, idp(1), idp(2, { tenant: 'globex', issuer: 'https://idp-1.test/', jwksUri: 'https://k.test' }))
      assert.deepEqual(await store.read(() => rows.idps.find('acme', idOf(1))), idp(1))
      assert.equal(await store.read(() => rows.idps.find('globex', idOf(1))), undefined)
      assert.equal((await store.read(() => rows.idps.findById(idOf(2))))?.jwksUri, 'https://k.test')
      assert.equal((await store.read(() => rows.idps.findByIssuer('globex', 'https://idp-1.test/')))?.id, idOf(2))
      for (const issuer of ['https://idp-1.test', 'https://IDP-1.test/', 'https://idp-1.test/%', ''])
        assert.equal(await store.read(() => rows.idps.findByIssuer('acme', issuer)), undefined)
      for (const id of ['', 'x', `${idOf(1)}0`, idOf(1).toUpperCase().replace('1', 'F'), "' or 1=1 --"])
        assert.equal(await store.read(() => rows.idps.find('acme', id)), undefined)
    })

    test('have an issuer once in each tenant', async t => {
      const open = await opened(t, place)
      await populate(open)
      await insert(open, idp(1))
      await assert.rejects(insert(open, idp(2, { issuer: 'https://idp-1.test/' })))
      await assert.rejects(insert(open, idp(3, { tenant: 'nobody' })))
      await insert(open, idp(4, { tenant: 'globex', issuer: 'https://idp-1.test/' }))
    })

    test('change, but for their issuer, and go', async t => {
      const open = await opened(t, place)
      const { store, rows } = open
      await populate(open)
      await insert(open, idp(1))
      const after = idp(1, {
        ...{ jwksUri: 'https://keys.test/', audiences: ['a'], algorithms: ['EdDSA'], agentClaim: 'sub' },
        ...{ requiredClaims: {}, maxTokenAgeSec: 60, tier: 'gold', enabled: false, allowAgentFederation: true },
        ...{ updatedAt: NOW + 1, updatedBy: 'principal:p' },
      })
      await store.write(
        () => rows.idps.update({ ...after, issuer: 'https://other.test', createdBy: 'x' }),
        shared('acme'),
      )
      assert.deepEqual(await store.read(() => rows.idps.findById(idOf(1))), after)
      await assert.rejects(store.write(() => rows.idps.remove('globex', idOf(1)), shared('globex')))
      await store.write(() => rows.idps.remove('acme', idOf(1)), shared('acme'))
      assert.equal(await store.read(() => rows.idps.findById(idOf(1))), undefined)
    })

    test('federate a tenant when one is enabled and may vouch for agents', async t => {
      const open = await opened(t, place)
      const { store, rows } = open
      await populate(open)
      const federates = (name: string) => store.read(() => rows.idps.federates(name))
      await insert(open, idp(1), idp(2, { allowAgentFederation: true, enabled: false }))
      assert.equal(await federates('acme'), false)
      await insert(open, idp(3, { allowAgentFederation: true }))
      assert.equal(await federates('acme'), true)
      assert.equal(await federates('globex'), false)
      assert.equal(await federates('nobody'), false)
      assert.equal(await store.read(() => rows.idps.count('acme')), 3)
      assert.equal(await store.read(() => rows.idps.count('globex')), 0)
    })

    test('are listed by issuer, by pages', async t => {
      const open = await opened(t, place)
      await populate(open)
      await insert(open, idp(3), idp(1, { enabled: false }), idp(2), idp(4, { tenant: 'globex' }))
      const listed = async (enabled: boolean | undefined, limit: number) =>
        (await walk(open, page => open.rows.idps.list({ tenant: 'acme', enabled }, page), limit)).map(({ id }) => id)
      for (const limit of [1, 2, 9]) {
        assert.deepEqual(await listed(undefined, limit), [idOf(1), idOf(2), idOf(3)])
        assert.deepEqual(await listed(true, limit), [idOf(2), idOf(3)])
        assert.deepEqual(await listed(false, limit), [idOf(1)])
      }
    })
  })

  describe('tokens of providers', () => {
    test('are claimed once, and later ones get what the first opened', async t => {
      const open = await opened(t, place)
      const { store, rows } = open
      await populate(open)
      const claim = (state: FederatedTokenState) =>
        store.write(() => rows.federatedTokens.claim(state), shared(state.tenant))
      assert.equal(await claim(spent(1)), undefined)
      assert.deepEqual(await claim(spent(1, { lineage: idOf(9), agent: 'other' })), spent(1))
      assert.deepEqual(await claim(spent(1, { tenant: 'globex' })), spent(1))
      assert.deepEqual(await store.read(() => rows.federatedTokens.find(spent(1).hash)), spent(1))
      assert.equal(await store.read(() => rows.federatedTokens.find(spent(2).hash)), undefined)
    })

    test('that come many times at once open one lineage', async t => {
      const open = await opened(t, place)
      const { store, rows } = open
      await populate(open)
      const claims = Array.from({ length: 16 }, (_, index) =>
        store.write(() => rows.federatedTokens.claim(spent(1, { lineage: idOf(100 + index) })), shared('acme')),
      )
      const before = await Promise.all(claims)
      assert.equal(before.filter(found => found === undefined).length, 1)
      assert.equal(new Set(before.filter(found => found !== undefined).map(found => found.lineage)).size, 1)
    })
  })

  describe('spent tokens', () => {
    test('are remembered for as long as any settings could let them count', async t => {
      const open = await opened(t, place)
      const { store, rows } = open
      await populate(open)
      await store.write(() => rows.federatedTokens.claim(spent(1)), shared('acme'))
      await store.write(() => rows.federatedTokens.claim(spent(2, { expiresAt: NOW + 60_001 })), shared('acme'))
      const retention = { certificatesMs: 0, eventsMs: 0, nodesMs: 0 }
      const twoDays = 2 * 86_400_000
      assert.equal((await open.prune(NOW + 60_000 + twoDays, retention)).federatedTokens, 0)
      assert.equal((await open.prune(NOW + 60_001 + twoDays, retention)).federatedTokens, 1)
      assert.equal(await store.read(() => rows.federatedTokens.find(spent(1).hash)), undefined)
      assert.deepEqual((await store.read(() => rows.federatedTokens.find(spent(2).hash)))?.lineage, idOf(2))
    })
  })

  describe('admissions', () => {
    test('are as by default until they are set, and replaced', async t => {
      const open = await opened(t, place)
      const { store, rows } = open
      await populate(open)
      const find = (name: string) => store.read(() => rows.admissions.find(name))
      const unset = { onFederation: 'drain', agentMtlsRequired: null, agentMtlsCa: null }
      assert.deepEqual(await find('acme'), { tenant: 'acme', ...unset })
      const states: AdmissionState[] = [
        { tenant: 'acme', onFederation: 'end', agentMtlsRequired: true, agentMtlsCa: 'pem' },
        { tenant: 'acme', onFederation: 'drain', agentMtlsRequired: false, agentMtlsCa: null },
        { tenant: 'acme', onFederation: 'drain', agentMtlsRequired: null, agentMtlsCa: null },
      ]
      for (const state of states) {
        await store.write(() => rows.admissions.put(state), shared('acme'))
        assert.deepEqual(await find('acme'), state)
      }
      assert.deepEqual(await find('globex'), { tenant: 'globex', ...unset })
      await assert.rejects(store.write(() => rows.admissions.put({ ...states[0]!, tenant: 'nobody' }), shared()))
    })
  })

  describe('agents of providers', () => {
    test('keep what their provider calls them, and are listed by it', async t => {
      const open = await opened(t, place)
      const { store, rows } = open
      await populate(open)
      const provenance = 'federated:https://idp.test'
      const brought = [
        agent({ agent: 'zeta', provenance, externalSubject: 'ζ "1"' }),
        agent({ agent: 'beta', provenance, externalSubject: 'b' }),
        agent({ agent: 'alpha', provenance: `${provenance}/`, externalSubject: 'a' }),
        agent({ tenant: 'globex', agent: 'beta', provenance, externalSubject: 'b' }),
      ]
      await store.write(
        function* () {
          for (const one of brought) yield* rows.agents.insert(one)
        },
        shared('acme', 'globex'),
      )
      assert.deepEqual(await store.read(() => rows.agents.find(brought[0]!)), brought[0])
      const listed = async (filter: Parameters<typeof rows.agents.list>[0], limit: number) =>
        (await walk(open, page => rows.agents.list(filter, page), limit)).map(one => `${one.tenant}/${one.agent}`)
      for (const limit of [1, 2, 9]) {
        assert.deepEqual(await listed({ provenance }, limit), ['acme/beta', 'acme/zeta', 'globex/beta'])
        assert.deepEqual(await listed({ provenance, tenant: 'acme' }, limit), ['acme/beta', 'acme/zeta'])
        assert.deepEqual(await listed({ provenance, tenant: 'globex', tier: 'gold' }, limit), [])
        assert.deepEqual(await listed({ provenance: 'internal' }, limit), ['acme/invoice', 'globex/invoice'])
      }
    })

    test('are told of apart when lineages are taken by who minted them', async t => {
      const open = await opened(t, place)
      const { store, rows } = open
      await populate(open)
      await store.write(
        () => rows.lineages.insert(lineage({ id: idOf(7), mintedBy: `idp:${idOf(1)}`, jti: idOf(8) })),
        shared('acme'),
      )
      const internal = (limit: number) => store.read(() => rows.lineages.linked({ internalTo: 'acme' }, null, limit))
      assert.deepEqual(
        (await internal(9)).map(({ id }) => id),
        [idOf(1)],
      )
      assert.equal(await store.read(() => rows.lineages.countInternal('acme', NOW)), 1)
      assert.equal(await store.read(() => rows.lineages.countInternal('acme', NOW + 30 * 86_400_000)), 0)
      await store.write(() => rows.lineages.end([idOf(1)]), shared('acme'))
      assert.deepEqual(await internal(9), [])
      assert.equal(await store.read(() => rows.lineages.countInternal('acme', NOW)), 0)
      assert.equal(await store.read(() => rows.lineages.countInternal('globex', NOW)), 1)
    })
  })
}

const insert = ({ store, rows }: OpenStore, ...idps: readonly IdpState[]) =>
  store.write(
    function* () {
      for (const one of idps) yield* rows.idps.insert(one)
    },
    shared('acme', 'globex'),
  )
