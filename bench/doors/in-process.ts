// Runs in a process of its own, on the server's processor: what decisions of policies cost, alone and within issuing.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { exclusiveAll, type IssueGate } from '@lanyard/authority'
import { type CompiledSet, compile } from '@lanyard/policy'
import { decodePem } from '@lanyard/protocol'
import { openPipeline, type Pipeline } from '@lanyard/server/testing'
import { inProcessBus } from '../../packages/server/src/bus/in-process.ts'
import { RunningPolicies } from '../../packages/server/src/policy/desk.ts'
import { createIssueGate } from '../../packages/server/src/policy/issuing.ts'
import { keyPool } from '../keys.ts'
import { percentile, type Row } from '../report.ts'
import { activeVersion, issueQuestion, NETWORKS, RESTLESS, STEADY, sourceOf } from './policies.ts'

const [part, secondsText] = process.argv.slice(2)
const seconds = Number(secondsText)
const clock = { now: () => Date.now() }
const IN_FLIGHT = 16
/** Slices with and without take turns, so that what else the machine does meets both. */
const ROUNDS = 8
const rows = part === 'decisions' ? decisions() : await issuing()
process.send?.(rows)
process.disconnect?.()

function decisions(): Row[] {
  const sets: [name: string, policies: string][] = [10, 100].flatMap(count => [
    [`${count} policies, remembered: they look at nothing that differs`, STEADY(count)],
    [`${count} policies, remembered: they ask whether the source is in a network`, NETWORKS(count)],
    [`${count} policies, each decision anew: they look at the whole source`, RESTLESS(count)],
  ])
  return sets.map(([name, policies]) => ({ name, ...timesOf(setOf(policies)) }))
}

function setOf(policies: string): CompiledSet {
  const set = compile({ tenant: 'bench', version: 1, policies, schema: '', entities: [] })
  if (set instanceof Error) throw set
  return set
}

/** Decides without pause. */
function timesOf(set: CompiledSet) {
  const times: number[] = []
  let asked = 0
  const decide = (ms: number, note: (us: number) => void) => {
    const end = performance.now() + ms
    for (; performance.now() < end; ) {
      const question = issueQuestion(asked++)
      const start = performance.now()
      if (!set.decide(question).allowed) throw new Error('it was denied')
      note((performance.now() - start) * 1000)
    }
  }
  decide(300, () => {})
  decide(Math.min(seconds, 2) * 1000, us => void times.push(us))
  const sum = times.reduce((all, us) => all + us, 0)
  return { per_sec: (times.length * 1e6) / sum, p50_us: percentile(times, 0.5), p99_us: percentile(times, 0.99) }
}

async function issuing(): Promise<Row[]> {
  const figures: Row[] = []
  for (const type of ['RSA-2048', 'P-256'] as const)
    for (const [name, policies] of [
      ['10 policies, remembered', STEADY(10)],
      ['10 policies about networks, remembered', NETWORKS(10)],
      ['10 policies, each decision anew', RESTLESS(10)],
    ] as const)
      figures.push(await shareOf(`${type} CSR, ${name}`, type, policies))
  return figures
}

/** Issues with and without policies in turn; the share is what one certificate costs the processor more with them. */
async function shareOf(name: string, type: 'RSA-2048' | 'P-256', policies: string): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'lanyard-doors-'))
  const pipeline = await openPipeline(clock, join(folder, 'lanyard.db'))
  await pipeline.tenant('bench', { keyPolicy: 'modern' })
  await pipeline.agent({ tenant: 'bench', agent: 'a' })
  const desk = await deskOf(pipeline, policies)
  const gate = createIssueGate({ ...pipeline, policies: desk })
  const slice = await issuer(pipeline, type)
  await slice(gate, 300)
  const spent: Record<'with' | 'without', Slice[]> = { with: [], without: [] }
  const sliceMs = (Math.min(seconds, 5) * 1000) / ROUNDS
  for (let round = 0; round < ROUNDS; round++) {
    const turns = [
      async () => spent.without.push(await slice(() => undefined, sliceMs)),
      async () => spent.with.push(await slice(gate, sliceMs)),
    ]
    // Neither is always the one after the other.
    for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn()
  }
  desk.stop()
  await pipeline.close()
  rmSync(folder, { recursive: true })
  const [without, asked] = [middle(spent.without), middle(spent.with)]
  return {
    name,
    per_sec_without: without.perSec,
    per_sec: asked.perSec,
    cpu_us_without: without.cpuUs,
    cpu_us: asked.cpuUs,
    share_percent: (1 - without.cpuUs / asked.cpuUs) * 100,
  }
}

/** Certificates per second, and processor time of each. */
interface Slice {
  readonly perSec: number
  readonly cpuUs: number
}

function middle(slices: readonly Slice[]): Slice {
  const half = (figures: readonly number[]) => percentile(figures, 0.5)
  return { perSec: half(slices.map(({ perSec }) => perSec)), cpuUs: half(slices.map(({ cpuUs }) => cpuUs)) }
}

async function deskOf({ store, rows: stored }: Pipeline, policies: string): Promise<RunningPolicies> {
  await store.write(function* () {
    yield* stored.policies.insert(activeVersion(policies, clock.now()))
    yield* stored.policies.bumpRevision()
  }, exclusiveAll)
  return await RunningPolicies.start({
    ...{ watch: store, rows: stored, bus: inProcessBus(), epoch: () => 0, clock, pollMs: 200, timeoutMs: 1000 },
    timers: { every: () => () => {} },
    log: { debug() {}, info() {}, warn() {}, error() {} },
  })
}

/** Gives what issues for so many milliseconds. */
async function issuer(pipeline: Pipeline, type: 'RSA-2048' | 'P-256') {
  const form = { labels: ['CERTIFICATE REQUEST'], maxBytes: 8192, maxBlocks: 1 }
  const csrs = (await keyPool(type, 8)).map(({ csrPem }) => decodePem(csrPem, form)[0]!.der)
  let issued = 0
  return async (gate: IssueGate, ms: number): Promise<Slice> => {
    pipeline.askFirst(gate)
    const opening = Array.from({ length: ms * 8 }, () => pipeline.bootstrap({ tenant: 'bench', agent: 'a' }))
    const callers = await Promise.all(opening)
    const [start, cpu, from] = [performance.now(), process.cpuUsage(), issued]
    const until = async () => {
      while (performance.now() < start + ms && issued - from < callers.length) {
        const at = issued++
        const [caller, csr] = [callers[at - from]!, csrs[at % csrs.length]!]
        await pipeline.issuing.issue({ caller, csr, source: sourceOf(at), correlation: null })
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, until))
    const { user, system } = process.cpuUsage(cpu)
    const done = issued - from
    return { perSec: (done * 1000) / (performance.now() - start), cpuUs: (user + system) / done }
  }
}
