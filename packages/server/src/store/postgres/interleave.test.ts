import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { after, describe, test } from 'node:test'
import {
  type AgentKey,
  type CertificateCaller,
  type ExternalTokenCaller,
  exclusive,
  exclusiveAll,
  freshLineage,
  Issuing,
  killAgent,
  killCredential,
  killTenant,
  type LineageState,
  openLineage,
  reinstateAgent,
  shared,
  type TokenCaller,
} from '@lanyard/authority'
import { buildCsr, jwkFromSpki, jwkThumbprint } from '@lanyard/protocol'
import { generateKeyNow, nodeCrypto, nodeSigner, spkiOf } from '@lanyard/protocol/node'
import { pipelineOn } from '../../testing/pipeline.ts'
import { startPostgres } from '../../testing/postgres.ts'
import { ChainHeads, GENESIS } from '../chains.ts'
import { postgresDialect } from '../dialect.ts'
import type { StoreRows } from '../ports.ts'
import { storeRows } from '../rows/index.ts'
import { Statements } from '../statement.ts'
import { federate, named, vouchedFor } from './federation-plays.ts'
import { explore, Player } from './interleave.suite.ts'
import { openPostgresStore } from './open.ts'
import { Session } from './session.ts'
import { parameterized } from './statements.ts'

const TRUST_DOMAIN = 'example.test'
const clock = { now: () => Date.now() }
const dice = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }
/** More than any run needs: what is tried must end. */
const FAULTY_MAX = 400

const server = await startPostgres()
const url = await server.createDatabase()
const open = await openPostgresStore({ url, trustDomain: TRUST_DOMAIN, instance: randomUUID(), clock })
const pipeline = await pipelineOn(open, clock)
const { store, rows } = open
const probe = await Session.connect(url)
const sessions = [await Session.connect(url), await Session.connect(url)]
// A busy machine may stop for longer than an instance is given.
for (const session of sessions) await session.run('set idle_in_transaction_session_timeout = 0')
after(() => Promise.all([open.close(), probe.close(), ...sessions.map(session => session.close())]))

async function newKey(): Promise<{ csr: Uint8Array; thumbprint: string }> {
  const key = generateKeyNow('P-256')
  return { csr: await buildCsr(nodeSigner(key)), thumbprint: jwkThumbprint(jwkFromSpki(spkiOf(key)), nodeCrypto) }
}

const statements = new Statements(postgresDialect)
const instances = await Promise.all(
  sessions.map(async session => {
    const uuid = randomUUID()
    const sql = 'insert into instances (uuid, created_at) values ($1, 0) returning id'
    const [row] = (await probe.answer(parameterized(sql, [uuid], 'rows'))) as { id: number }[]
    const zero = { seq: 0, hash: GENESIS }
    const heads = new ChainHeads(uuid, row!.id, { audit: zero, issuance: zero })
    return { session, heads, rows: storeRows({ statements, heads, trustDomain: 1 }) }
  }),
)

/** An agent of a tenant of its own, so that no two runs meet. */
interface World extends AgentKey {
  readonly token: TokenCaller
  /** After its first certificate. */
  readonly holder: CertificateCaller
  /** Remote address that it asks from. */
  readonly source: string
  /** Of the first certificate, and of what is asked for next. */
  readonly keys: readonly Awaited<ReturnType<typeof newKey>>[]
}

let worlds = 0
const ready: World[] = []

/** A fresh world; several are made at once, since they share their transactions. */
async function takeWorld(): Promise<World> {
  if (ready.length === 0) ready.push(...(await Promise.all(Array.from({ length: 16 }, newWorld))))
  return ready.pop()!
}

async function newWorld(): Promise<World> {
  const source = `world ${++worlds}`
  const key = { tenant: `t${worlds}`, agent: 'invoice' }
  await pipeline.tenant(key.tenant)
  await pipeline.agent(key)
  const token = await pipeline.bootstrap(key)
  const keys = [await newKey(), await newKey()]
  const first = await pipeline.issuing.issue({ caller: token, csr: keys[0]!.csr, source, correlation: null })
  const holder = await pipeline.holder(first.serial)
  return { ...key, token: await pipeline.bootstrap(key), holder, source, keys }
}

/** What one of two instances does to a world: exactly one transaction. Gives what comes of it. */
type Play = (player: Player, world: World) => Promise<unknown>

const request = (incident: string = randomUUID()) => ({
  incident,
  asked: 'ab'.repeat(32),
  reason: 'test',
  evidence: null,
})

const kill: Play = (player, world) =>
  player
    .storeOn(store)
    .urgent(() => killAgent(player.rows, world, 'agent', request(), pipeline.act()), exclusive(world.tenant))

const killWidely: Play = (player, world) =>
  player.storeOn(store).urgent(() => killAgent(player.rows, world, 'source', request(), pipeline.act()), exclusiveAll)

const killTheTenant: Play = (player, world) =>
  player
    .storeOn(store)
    .urgent(() => killTenant(player.rows, world.tenant, request(), pipeline.act()), exclusive(world.tenant))

const killByKey: Play = (player, { keys }) => {
  const target = { kind: 'key', value: keys[0]!.thumbprint } as const
  return player
    .storeOn(store)
    .urgent(() => killCredential(player.rows, target, request(), pipeline.act()), exclusiveAll)
}

function issuing(player: Player): Issuing {
  const { authorities, spiffeIdOf } = pipeline
  const issuer = () => authorities.agentsIssuer()
  return new Issuing({
    store: player.storeOn(store),
    rows: player.rows,
    crypto: nodeCrypto,
    clock,
    dice,
    spiffeIdOf,
    issuer,
  })
}

const issue: Play = (player, { token: caller, keys, source }) =>
  issuing(player).issue({ caller, csr: keys[1]!.csr, source, correlation: null })

const renew: Play = (player, { holder: caller, keys, source }) =>
  issuing(player).issue({ caller, csr: keys[1]!.csr, source, correlation: null })

const bootstrap: Play = (player, world) =>
  player
    .storeOn(store)
    .write(() => openLineage(player.rows, world, freshLineage(dice), 86_400, pipeline.act()), shared(world.tenant))

const reinstate: Play = (player, world) =>
  player
    .storeOn(store)
    .urgent(() => reinstateAgent(player.rows, world, 'cleared', pipeline.act()), exclusive(world.tenant))

interface Manner {
  /** Neither transaction takes a lock of its tenant. */
  readonly unlocked?: boolean
  /** Nor does a certificate keep others from its lineage. */
  readonly unclaimed?: boolean
  readonly finely?: boolean
  readonly interruptions?: number
}

type Check = (world: World, results: readonly PromiseSettledResult<unknown>[], schedule: string) => Promise<void>

/** A fault to plant: the gate is asked of a lineage that others may change meanwhile. */
const withoutClaims = (own: StoreRows): StoreRows => ({
  ...own,
  lineages: { ...own.lineages, claim: own.lineages.subject },
})

/** Tries two plays against each other; gives the number of interleavings. */
async function tried(
  plays: readonly Play[],
  check: Check,
  { unlocked = false, unclaimed = false, finely = false, ...bounds }: Manner = {},
): Promise<number> {
  let world: World
  let results: Promise<PromiseSettledResult<unknown>[]>
  return await explore(
    {
      ...bounds,
      async begin() {
        world = await takeWorld()
        const players = instances.map(
          ({ rows: own, ...parts }) =>
            new Player({
              ...parts,
              rows: unclaimed ? withoutClaims(own) : own,
              trustDomain: TRUST_DOMAIN,
              locking: !unlocked,
              finely,
            }),
        )
        results = Promise.allSettled(plays.map((play, index) => play(players[index]!, world)))
        let over = false
        void results.then(() => {
          over = true
        })
        // Who fails before it writes anything never has a transaction.
        while (!over && players.some(({ transaction }) => transaction === null)) await new Promise(setImmediate)
        if (over) throw new Error('expected two that write', { cause: await results })
        return players
      },
      check: async (_, schedule) => await check(world, await results, schedule),
    },
    probe,
  )
}

const inLanyard = async (sql: string, parameter: unknown) =>
  (await probe.answer(parameterized(sql, [parameter], 'rows'))) as Record<string, unknown>[]

/** Certificates of the tenant that are not revoked, and lineages that are not ended. */
async function alive({ tenant }: World): Promise<string[]> {
  const certificates = await inLanyard(
    `select 'certificate' as what from certificates c join tenants t on t.id = c.tenant_id
     where t.tenant = $1 and c.revoked_at is null`,
    tenant,
  )
  const lineages = await inLanyard(
    `select 'lineage' as what from lineages l join tenants t on t.id = l.tenant_id
     where t.tenant = $1 and l.standing <> 'ended'`,
    tenant,
  )
  return [...certificates, ...lineages].map(({ what }) => String(what))
}

const codeOf = (result: PromiseSettledResult<unknown>) =>
  result.status === 'fulfilled' ? 'done' : ((result.reason as { code?: string }).code ?? String(result.reason))

/** The one that matters: after the kill nothing lives that was given before it or beside it. */
const nothingLives: Check = async (world, [killed, other], schedule) => {
  assert.equal(codeOf(killed!), 'done', schedule)
  const refusals = ['done', 'agent_quarantined', 'tenant_killed', 'lineage_ended', 'certificate_revoked', 'key_killed']
  assert.ok(refusals.includes(codeOf(other!)), `${schedule}: ${codeOf(other!)}`)
  assert.deepEqual(await alive(world), [], `${schedule}: this outlived the kill`)
  const agent = await store.read(() => rows.agents.find(world))
  assert.equal(agent?.lifecycle, 'quarantined', schedule)
  assert.ok(agent.deadThrough >= agent.incarnation, schedule)
}

describe('a kill, on two connections that stop at every statement', () => {
  for (const [name, plays] of [
    ['and a first certificate', [kill, issue]],
    ['and a renewal', [kill, renew]],
    ['and a bootstrap', [kill, bootstrap]],
    ['of a source, and a first certificate', [killWidely, issue]],
    ['of a tenant, and a first certificate', [killTheTenant, issue]],
    ['of a tenant, and a bootstrap', [killTheTenant, bootstrap]],
  ] as const)
    test(name, async t => {
      t.diagnostic(`${await tried(plays, nothingLives)} interleavings`)
    })

  test('and a first certificate, stopping between their locks too', async t => {
    t.diagnostic(`${await tried([kill, issue], nothingLives, { finely: true, interruptions: 2 })} interleavings`)
  })

  test('and another of the same agent', async t => {
    const count = await tried([kill, kill], async (world, results, schedule) => {
      assert.deepEqual(results.map(codeOf), ['done', 'done'], schedule)
      assert.deepEqual(await alive(world), [], schedule)
      const epochs = results.map(result => (result as PromiseFulfilledResult<{ epoch: number }>).value.epoch)
      assert.equal(Math.abs(epochs[0]! - epochs[1]!), 1, schedule)
    })
    t.diagnostic(`${count} interleavings`)
  })

  test('asked for twice under one name is one', async t => {
    const named: Play = (player, world) => {
      const act = () => killAgent(player.rows, world, 'agent', request(world.tenant), pipeline.act())
      return player.storeOn(store).urgent(act, exclusive(world.tenant))
    }
    const count = await tried([named, named], async (world, results, schedule) => {
      assert.deepEqual(results.map(codeOf), ['done', 'done'], schedule)
      const [one, two] = results.map(result => (result as PromiseFulfilledResult<unknown>).value)
      assert.deepEqual(one, two, schedule)
      assert.equal((await inLanyard('select id from incidents where tenant = $1', world.tenant)).length, 1, schedule)
    })
    t.diagnostic(`${count} interleavings`)
  })

  test('and a reinstatement leave either one or the other', async t => {
    const count = await tried([kill, reinstate], async (world, [killed, reborn], schedule) => {
      assert.equal(codeOf(killed!), 'done', schedule)
      assert.ok(['done', 'lifecycle_forbidden'].includes(codeOf(reborn!)), `${schedule}: ${codeOf(reborn!)}`)
      assert.deepEqual(await alive(world), [], schedule)
      const agent = (await store.read(() => rows.agents.find(world)))!
      assert.deepEqual([agent.deadThrough, agent.incarnation], codeOf(reborn!) === 'done' ? [1, 2] : [1, 1], schedule)
    })
    t.diagnostic(`${count} interleavings`)
  })

  test('by key, and a renewal of that lineage with another key', async t => {
    const count = await tried([killByKey, renew], async (world, [killed, other], schedule) => {
      assert.equal(codeOf(killed!), 'done', schedule)
      assert.ok(
        ['done', 'lineage_ended', 'certificate_revoked'].includes(codeOf(other!)),
        `${schedule}: ${codeOf(other!)}`,
      )
      const left = await inLanyard(
        `select c.revoked_at from certificates c join tenants t on t.id = c.tenant_id
         join lineages l on l.no = c.lineage_no where t.tenant = $1 and l.standing = 'ended' and c.revoked_at is null`,
        world.tenant,
      )
      assert.deepEqual(left, [], schedule)
    })
    t.diagnostic(`${count} interleavings`)
  })
})

describe('federation, on two connections that stop at every statement', () => {
  const begin: Play = (player, world) => federate(player.storeOn(store), player.rows, pipeline, world)
  const nothingInternal: Check = async (world, [began, other], schedule) => {
    assert.equal(codeOf(began!), 'done', schedule)
    const refusals = ['done', 'federation_required', 'lineage_ended', 'certificate_revoked']
    assert.ok(refusals.includes(codeOf(other!)), `${schedule}: ${codeOf(other!)}`)
    assert.deepEqual(await alive(world), [], `${schedule}: this outlived what began internally`)
  }
  for (const [name, play] of [
    ['a bootstrap', bootstrap],
    ['a first certificate', issue],
    ['a renewal', renew],
  ] as const)
    test(`begins beside ${name}, and ends it`, async t => {
      t.diagnostic(`${await tried([begin, play], nothingInternal)} interleavings`)
    })

  const providers = new WeakMap<World, Promise<ExternalTokenCaller>>()
  const vouchedIn = async (world: World) => {
    const idp = await federate(store, rows, pipeline, world)
    await vouchedFor(store, rows, pipeline, named(idp, 'worker'), { isKnown: false })
    return named(idp, 'worker')
  }
  /** The same token each time, of an agent that is known. */
  const spend: Play = async (player, world) => {
    if (!providers.has(world)) providers.set(world, vouchedIn(world))
    const caller = (await providers.get(world))!
    return await vouchedFor(player.storeOn(store), player.rows, pipeline, caller, { isKnown: true })
  }
  test('opens one lineage by one token, on whichever it came', async t => {
    const count = await tried(
      [spend, spend],
      async (_, results, schedule) => {
        assert.deepEqual(results.map(codeOf), ['done', 'done'], schedule)
        const opened = results.map(
          result => (result as PromiseFulfilledResult<{ lineage: LineageState }>).value.lineage.id,
        )
        assert.equal(new Set(opened).size, 1, schedule)
      },
      { interruptions: 1 },
    )
    t.diagnostic(`${count} interleavings`)
  })
})

test('two renewals at once on two instances are one generation or a fork, never two children', async t => {
  const count = await tried([renew, renew], async (world, results, schedule) => {
    // The same key: the second is a retry of the first.
    assert.deepEqual(results.map(codeOf), ['done', 'done'], schedule)
    const generations = await inLanyard(
      `select distinct c.generation from certificates c join lineages l on l.no = c.lineage_no where l.id = $1`,
      Buffer.from(world.holder.lineage, 'hex'),
    )
    assert.deepEqual(generations.map(({ generation }) => generation).toSorted(), [1, 2], schedule)
  })
  t.diagnostic(`${count} interleavings`)
})

test('kills of two tenants have their epochs in the order of their commits', async t => {
  const killOther: Play = async player => await kill(player, await takeWorld())
  const inOrder: Check = async (_, results, schedule) => {
    assert.deepEqual(results.map(codeOf), ['done', 'done'], schedule)
    const [one, two] = results.map(result => (result as PromiseFulfilledResult<{ epoch: number }>).value.epoch)
    assert.equal(one! < two!, schedule.lastIndexOf('A') < schedule.lastIndexOf('B'), `${schedule}: ${one}, ${two}`)
  }
  t.diagnostic(`${await tried([kill, killOther], inOrder, { interruptions: 1 })} interleavings, one interruption each`)
})

describe('the lock of the tenant alone', () => {
  test('keeps a first certificate from outliving the kill', async t => {
    t.diagnostic(`${await tried([kill, issue], nothingLives, { unclaimed: true })} interleavings`)
  })
})

describe('without any lock', () => {
  for (const [name, plays] of [
    ['a first certificate', [kill, issue]],
    ['a renewal', [kill, renew]],
    ['a bootstrap', [kill, bootstrap]],
  ] as const)
    test(`${name} outlives the kill in some interleaving`, async () => {
      let runs = 0
      const check: Check = async (world, _, schedule) => {
        assert.ok(++runs < FAULTY_MAX, 'no interleaving was wrong')
        assert.deepEqual(await alive(world), [], `found: ${schedule}`)
      }
      const faulty = tried(plays, check, { unlocked: true, unclaimed: true, interruptions: 2 })
      await assert.rejects(faulty, /found: /)
    })
})
