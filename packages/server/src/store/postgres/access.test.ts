import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import {
  type Act,
  type ApiKeyCaller,
  createApiKey,
  createBinding,
  createRole,
  deleteApiKey,
  deleteRole,
  exclusive,
  exclusiveAll,
  findApiKey,
  newApiKey,
  requireStanding,
  type Step,
  shared,
} from '@lanyard/authority'
import { nodeCrypto } from '@lanyard/protocol/node'
import { pipelineOn } from '../../testing/pipeline.ts'
import { startPostgres } from '../../testing/postgres.ts'
import type { OpenStore } from '../ports.ts'
import { openPostgresStore } from './open.ts'

const server = await startPostgres()
const clock = { now: () => Date.now() }
const dice = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }
const id = () => randomBytes(16).toString('hex')

async function twoOf(t: TestContext) {
  const url = await server.createDatabase()
  const open = () => openPostgresStore({ url, trustDomain: 'example.test', instance: randomUUID(), clock })
  const both = [await open(), await open()] as const
  t.after(() => Promise.all(both.map(store => store.close())))
  await (await pipelineOn(both[0], clock)).tenant('acme')
  return both
}

/** An API key with the role admin, as a caller. */
async function adminAt({ store, rows }: OpenStore): Promise<ApiKeyCaller> {
  const fresh = newApiKey(dice, nodeCrypto)
  const act = { caller: 'server', at: clock.now(), source: null, correlation: null } as const
  await store.write(() => createApiKey(rows, { name: 'k', role: 'admin' }, fresh, act), exclusiveAll)
  const { state, permissions } = (await store.read(() => findApiKey(rows, fresh.id)))!
  return { ...state, kind: 'api-key', permissions }
}

const actOf = (caller: ApiKeyCaller): Act & { readonly caller: ApiKeyCaller } => ({
  ...{ caller, at: clock.now(), source: null, correlation: null },
})

/** As a call does it: the credential is asked for in the same transaction. */
function* standing<T>(rows: OpenStore['rows'], act: Act, step: Step<T>): Step<T> {
  yield* requireStanding(rows, act)
  return yield* step
}

const codes = (results: readonly PromiseSettledResult<unknown>[]) =>
  results.map(result => (result.status === 'fulfilled' ? 'done' : (result.reason as { code: string }).code))

test('of two admins who end each other at once, on two instances, one is left', async t => {
  const both = await twoOf(t)
  const [one, other] = both
  for (let round = 0; round < 8; round++) {
    const admins = [await adminAt(one), await adminAt(other)] as const
    const ends = ([{ store, rows }, by, of]: readonly [OpenStore, ApiKeyCaller, ApiKeyCaller]) => {
      const act = actOf(by)
      return store.write(() => standing(rows, act, deleteApiKey(rows, of.id, nodeCrypto, act)), exclusiveAll)
    }
    const ended = [ends([one, admins[0], admins[1]]), ends([other, admins[1], admins[0]])]
    assert.deepEqual(codes(await Promise.allSettled(ended)).sort(), ['done', 'unauthenticated'])
    const { items } = await one.store.read(() =>
      one.rows.apiKeys.list({ ofAllTenants: true }, { limit: 9, after: null }),
    )
    assert.equal(items.length, 1)
    // The next round begins with two.
    await one.store.write(() => one.rows.apiKeys.revoke(items[0]!.id, clock.now()), exclusiveAll)
  }
})

test('a role that is deleted at this moment is given to nobody', async t => {
  const both = await twoOf(t)
  const [one, other] = both
  const admin = await adminAt(one)
  for (let round = 0; round < 8; round++) {
    const act = actOf(admin)
    const role = `r${round}`
    const input = { role, permissions: ['agent.read'], tenant: 'acme' } as const
    const state = await one.store.write(() => createRole(one.rows, id(), input, act), exclusive('acme'))
    const bindee = { kind: 'certificate', value: `dn:CN=${round}`, role, tenant: 'acme' } as const
    const fresh = newApiKey(dice, nodeCrypto)
    const outcomes = codes(
      await Promise.allSettled([
        one.store.write(() => deleteRole(one.rows, state.id, act), exclusiveAll),
        other.store.write(() => createBinding(other.rows, id(), bindee, act), exclusive('acme')),
        other.store.write(
          () => createApiKey(other.rows, { name: 'k', role, tenant: 'acme' }, fresh, act),
          shared('acme'),
        ),
      ]),
    )
    const kept = await one.store.read(() => one.rows.roles.find(state.id))
    const given = await one.store.read(() => one.rows.roles.isGiven(role, 'acme', clock.now()))
    assert.equal(given, kept !== undefined, outcomes.join())
    assert.ok(
      outcomes.every(code => ['done', 'role_in_use', 'role_unknown'].includes(code)),
      outcomes.join(),
    )
  }
})
