import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type SecretState, shared } from '@lanyard/authority'
import type { OpenStore } from '../ports.ts'
import { opened, type Place } from './place.ts'
import { requireOneWinner } from './rotations.ts'
import { agent, NOW, populate } from './samples.ts'

const secret = (number: number, changes: Partial<SecretState> = {}): SecretState => ({
  id: number.toString(16).padStart(12, '0'),
  tenant: 'acme',
  agent: 'invoice',
  hash: new Uint8Array(32).fill(number),
  incarnation: number,
  standing: 'current',
  createdBy: 'api-key:k1',
  createdAt: NOW + number,
  endedAt: null,
  ...changes,
})

export function agentSecretsSuite(place: () => Place): void {
  describe('secrets of agents', () => {
    test('come back as they were, and end once', async t => {
      const { store, rows } = await holding(t, place, [secret(1)])
      assert.deepEqual(await store.read(() => rows.secrets.find(secret(1).id)), secret(1))
      for (const other of ['', 'x', secret(2).id, secret(1).id.toUpperCase().padEnd(13, '0')])
        assert.equal(await store.read(() => rows.secrets.find(other)), undefined)
      const end = () => store.write(() => rows.secrets.end(secret(1).id, 'superseded', NOW + 5), shared('acme'))
      await end()
      const ended = secret(1, { standing: 'superseded', endedAt: NOW + 5 })
      assert.deepEqual(await store.write(() => rows.secrets.claim(secret(1).id), shared('acme')), ended)
      assert.equal(await store.read(() => rows.secrets.current(secret(1))), undefined)
      await assert.rejects(end())
      assert.deepEqual(await store.read(() => rows.secrets.find(secret(1).id)), ended)
    })

    test('are one for each agent, and each agent has its own', async t => {
      const open = await holding(t, place, [secret(1), secret(2, { tenant: 'globex' })])
      const { store, rows } = open
      const current = async (tenant: string, agent = 'invoice') =>
        (await store.read(() => rows.secrets.current({ tenant, agent })))?.id
      assert.deepEqual(
        [await current('acme'), await current('globex'), await current('acme', 'other'), await current('nobody')],
        [secret(1).id, secret(2).id, undefined, undefined],
      )
      await assert.rejects(hold(open, [secret(3)]))
      await assert.rejects(hold(open, [secret(1, { tenant: 'globex', standing: 'revoked', endedAt: NOW })]))
    })

    test('of an agent that is not there are not written', async t => {
      const open = await holding(t, place, [])
      for (const stranger of [{ tenant: 'nobody' }, { agent: 'nobody' }]) {
        await assert.rejects(hold(open, [secret(1, stranger)]))
        assert.equal(await open.store.read(() => open.rows.secrets.find(secret(1).id)), undefined)
      }
    })

    test('of an agent come newest first, those that ended too, and nobody else’s', async t => {
      const before = secret(1, { standing: 'superseded', endedAt: NOW + 2 })
      const revoked = secret(2, { standing: 'revoked', endedAt: NOW + 3 })
      const { store, rows } = await holding(t, place, [before, revoked, secret(3), secret(4, { tenant: 'globex' })])
      assert.deepEqual(await store.read(() => rows.secrets.ofAgent(secret(1))), [secret(3), revoked, before])
      assert.deepEqual(await store.read(() => rows.secrets.ofAgent({ tenant: 'acme', agent: 'other' })), [])
      const madeBy = async (maker: string) => new Set(await store.read(() => rows.secrets.madeBy(maker)))
      const all = [before, revoked, secret(3), secret(4, { tenant: 'globex' })]
      assert.deepEqual(await madeBy(before.createdBy), new Set(all))
      assert.deepEqual(await madeBy('nobody'), new Set())
    })

    test('that ended are forgotten, but for the newest, and the one that counts is not', async t => {
      const ended = [1, 2, 3, 4].map(n => secret(n, { standing: 'superseded', endedAt: NOW + n }))
      const other = secret(9, { tenant: 'globex', standing: 'revoked', endedAt: NOW })
      const { store, rows } = await holding(t, place, [...ended, secret(5), other])
      await store.write(() => rows.secrets.forget(secret(1), 2), shared('acme'))
      assert.deepEqual(await store.read(() => rows.secrets.ofAgent(secret(1))), [secret(5), ended[3], ended[2]])
      assert.deepEqual(await store.read(() => rows.secrets.find(other.id)), other)
      await store.write(() => rows.secrets.forget(secret(1), 0), shared('acme'))
      assert.deepEqual(await store.read(() => rows.secrets.ofAgent(secret(1))), [secret(5)])
    })

    test('are exchanged once, by one of many at once', async t => {
      const open = await holding(t, place, [])
      await requireOneWinner([open], agent(), NOW)
    })

    test('that ended leave with the events; a current one stays', async t => {
      const ended = secret(1, { standing: 'revoked', endedAt: NOW })
      const open = await holding(t, place, [ended, secret(2)])
      const retention = { certificatesMs: 0, eventsMs: 1000, nodesMs: 0 }
      assert.equal((await open.prune(NOW + 1000, retention)).secrets, 0)
      assert.equal((await open.prune(NOW + 1001, retention)).secrets, 1)
      assert.deepEqual(await open.store.read(() => open.rows.secrets.ofAgent(ended)), [secret(2)])
    })
  })
}

const hold = ({ store, rows }: OpenStore, secrets: readonly SecretState[]) =>
  store.write(
    function* () {
      for (const one of secrets) yield* rows.secrets.insert(one)
    },
    shared('acme', 'globex'),
  )

async function holding(t: Parameters<typeof opened>[0], place: () => Place, secrets: readonly SecretState[]) {
  const open = await opened(t, place)
  await populate(open)
  await hold(open, secrets)
  return open
}
