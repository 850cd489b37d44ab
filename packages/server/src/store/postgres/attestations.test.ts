import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import {
  Attesting,
  banNode,
  createEntries,
  createJoinToken,
  exclusive,
  type NodeSettings,
  newJoinToken,
  nodeCaller,
} from '@lanyard/authority'
import { buildCsr } from '@lanyard/protocol'
import { generateKeyNow, nodeCrypto, nodeSigner, spkiOf } from '@lanyard/protocol/node'
import { type Pipeline, pipelineOn } from '../../testing/pipeline.ts'
import { startPostgres } from '../../testing/postgres.ts'
import type { OpenStore } from '../ports.ts'
import { openPostgresStore } from './open.ts'

const server = await startPostgres()
const clock = { now: () => Date.now() }
const dice = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }
const settings: NodeSettings = { certTtlSec: 3600, graceSec: 60, x509pop: null }
const origin = { source: null, correlation: null }

interface Two {
  readonly pipeline: Pipeline
  readonly both: readonly [OpenStore, OpenStore]
  /** The way in for machines, on either. */
  readonly doors: readonly Attesting[]
}

/** Two instances on one database, with tenant acme and its agent a1. */
async function twoOf(t: TestContext): Promise<Two> {
  const url = await server.createDatabase()
  const open = () => openPostgresStore({ url, trustDomain: 'example.test', instance: randomUUID(), clock })
  const both = [await open(), await open()] as const
  t.after(() => Promise.all(both.map(store => store.close())))
  const pipeline = await pipelineOn(both[0], clock)
  await pipeline.tenant('acme')
  await pipeline.agent({ tenant: 'acme', agent: 'a1' })
  const { authorities } = pipeline
  const ports = {
    ...{ crypto: nodeCrypto, dice, clock, settings, trustDomain: authorities.bundle().trustDomain },
    issuer: () => authorities.agentsIssuer(),
    roots: () => authorities.bundle().x509Authorities,
    seal: () => new Uint8Array(32),
  }
  return { pipeline, both, doors: both.map(({ store, rows }) => new Attesting({ ...ports, store, rows })) }
}

async function tokenOf({ pipeline }: Two, name: string): Promise<string> {
  const { token, hash } = newJoinToken(dice, nodeCrypto)
  const input = { name, tenant: 'acme', groups: [] }
  const { store, rows } = pipeline
  await store.write(() => createJoinToken(rows, input, hash, settings, pipeline.act()), exclusive('acme'))
  return token
}

const codes = (results: readonly PromiseSettledResult<unknown>[]) =>
  results.map(result => (result.status === 'fulfilled' ? 'done' : (result.reason as { code: string }).code)).sort()

test('one join token makes one node, wherever 64 machines bring it', async t => {
  const two = await twoOf(t)
  const token = await tokenOf(two, 'n1')
  const csr = await buildCsr(nodeSigner(generateKeyNow('P-256')))
  const attempts = Array.from({ length: 64 }, (_, index) =>
    two.doors[index % 2]!.attest({ method: 'join_token', token }, csr, origin),
  )
  const outcomes = codes(await Promise.allSettled(attempts))
  assert.deepEqual(outcomes, ['done', ...Array(63).fill('node_proof_invalid')])
})

test('many tokens of one name make one node, on both instances at once', async t => {
  const two = await twoOf(t)
  const tokens = await Promise.all(Array.from({ length: 16 }, () => tokenOf(two, 'n1')))
  const csr = await buildCsr(nodeSigner(generateKeyNow('P-256')))
  const attempts = tokens.map((token, index) =>
    two.doors[index % 2]!.attest({ method: 'join_token', token }, csr, origin),
  )
  assert.deepEqual(codes(await Promise.allSettled(attempts)), ['done', ...Array(15).fill('node_exists')])
})

test('no renewal that runs beside a ban lifts it', async t => {
  const two = await twoOf(t)
  const [one, other] = two.both
  for (let round = 0; round < 10; round += 1) {
    const key = generateKeyNow('P-256')
    const proof = { method: 'join_token', token: await tokenOf(two, `n${round}`) } as const
    const { node } = await two.doors[0]!.attest(proof, await buildCsr(nodeSigner(key)), origin)
    const caller = nodeCaller(node, spkiOf(key))
    const renewals = Array.from({ length: 8 }, (_, index) => two.doors[index % 2]!.renew(caller, origin))
    const ban = one.store.urgent(() => banNode(one.rows, node.node, 'stolen', two.pipeline.act()), exclusive('acme'))
    const outcomes = codes(await Promise.allSettled(renewals))
    await ban
    assert.ok(
      outcomes.every(code => code === 'done' || code === 'node_banned'),
      `${outcomes}`,
    )
    const state = await other.store.read(() => other.rows.nodes.find(node.node))
    assert.equal(state?.banReason, 'stolen')
  }
})

test('an entry that many make at once is there once, and no revision is given twice', async t => {
  const { both, pipeline } = await twoOf(t)
  const rules = { dnsSuffixes: [], trustDomain: 'example.test' }
  const create = (open: OpenStore, selector: string) => {
    const input = {
      id: randomBytes(16).toString('hex'),
      tenant: 'acme',
      agent: 'a1',
      settings: { selectors: [selector] },
    }
    return open.store.write(() => createEntries(open.rows, [input], rules, pipeline.act()), exclusive('acme'))
  }
  const same = await Promise.allSettled(Array.from({ length: 16 }, (_, i) => create(both[i % 2]!, 'unix:uid:1')))
  assert.deepEqual(codes(same), ['done', ...Array(15).fill('entry_exists')])
  const others = await Promise.all(Array.from({ length: 32 }, (_, i) => create(both[i % 2]!, `unix:uid:${i + 2}`)))
  const revisions = others.map(([entry]) => entry!.revision)
  assert.equal(new Set(revisions).size, 32)
  const scope = { name: 'n', tenant: 'acme', groups: [] }
  const { store, rows } = both[1]
  const through = await store.read(() => rows.entries.revision())
  const { entries } = await store.read(() => rows.entries.changed(scope, { after: 0, through, limit: 1000 }))
  assert.equal(entries.length, 33)
})
