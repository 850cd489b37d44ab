import { Certificate, decodePem } from '@lanyard/protocol'
import { type Backing, openBacking } from './backing.ts'
import type { Case } from './case.ts'
import { Instances } from './instances.ts'
import type { CallersOptions, CallersRole } from './roles/callers.ts'
import type { FloodReport, FloodRole } from './roles/flood.ts'
import type { IdleRole } from './roles/idle.ts'
import type { OperatorOptions, OperatorRole } from './roles/operator.ts'
import type { PointsRole } from './roles/points.ts'
import type { WorkerOptions, WorkerRole } from './roles/worker.ts'
import type { Remote } from './rpc.ts'
import { Stage } from './stage.ts'

/** Where all agents of the benchmark are. */
export const TENANT = 'bench'

const POINT_PROCESSES = 4
const IDLE_AGENTS = 50

/** Everything that a case needs, up and warm. */
export interface Fleet {
  /** How the network and the database under it are made. */
  readonly methods: readonly string[]
  readonly operator: Remote<OperatorRole>
  readonly callers: Remote<CallersRole>
  readonly instances: Instances
  readonly root: Certificate
  /** Ends the load beside the calls, and says what it came to. */
  rest(): Promise<{ readonly flood: FloodReport | null; readonly idleOpen: number | null }>
  close(): Promise<void>
}

/** Raises what a case is played by. */
export async function raise(wanted: Case): Promise<Fleet> {
  await using undo = new AsyncDisposableStack()
  const stage = undo.adopt(await Stage.open(wanted), each => each.close())
  const backing = wanted.store === 'postgres' ? undo.adopt(await openBacking(wanted), each => each.close()) : null
  const instances = undo.adopt(await Instances.open(stage, wanted, backing), each => each.close())
  const { rootPem, rootSha256, adminKey } = instances.first
  const operator = await stage.start<OperatorRole>('operator', 'operator', {
    urls: instances.urls(),
    rootPem,
    adminKey: adminKey!,
  } satisfies OperatorOptions)
  await operator.ask(0, 'POST', '/v1/tenants', { tenant: TENANT, key_policy: 'modern' })
  const trust = { rootSha256, tenant: TENANT }
  const workers = await startWorkers(stage, wanted, instances, operator, trust)
  const callers = await stage.start<CallersRole>('callers', 'callers', {
    // One that dies comes back elsewhere.
    url: wanted.dies ? instances.balanced : instances.urls()[0]!,
    rootPem,
    goals: await Promise.all(workers.map(worker => worker.address())),
  } satisfies CallersOptions)
  await startPoints(stage, wanted, instances.urls()[0]!, operator, trust)
  const beside = await startBeside(stage, wanted, { url: instances.urls()[0]!, rootPem }, operator)
  const up = undo.move()
  return {
    methods: [stage.method, ...(backing?.methods ?? [])].filter(text => text !== ''),
    operator,
    callers,
    instances,
    root: Certificate.fromDer(decodePem(rootPem, { labels: ['CERTIFICATE'], maxBytes: 65_536, maxBlocks: 1 })[0]!.der),
    rest: async () => ({
      flood: (await beside.flood?.stop()) ?? null,
      idleOpen: (await beside.idle?.open()) ?? null,
    }),
    close: () => up.disposeAsync(),
  }
}

interface Trust {
  readonly rootSha256: string
  readonly tenant: string
}

async function startWorkers(
  stage: Stage,
  { workers, dies }: Case,
  instances: Instances,
  operator: Remote<OperatorRole>,
  trust: Trust,
): Promise<Remote<WorkerRole>[]> {
  const names = Array.from({ length: workers }, (_, at) => `worker-${at}`)
  const tokens = await operator.agents(TENANT, names)
  const urls = dies ? [instances.balanced] : instances.urls()
  return await Promise.all(
    names.map((name, at) =>
      stage.start<WorkerRole>('worker', name, {
        ...trust,
        url: urls[at % urls.length]!,
        token: tokens[at]!,
        host: stage.addressOf(name),
      } satisfies WorkerOptions),
    ),
  )
}

async function startPoints(
  stage: Stage,
  { points = 0 }: Case,
  url: string,
  operator: Remote<OperatorRole>,
  trust: Trust,
) {
  if (points === 0) return
  const tokens = await operator.agents(
    TENANT,
    Array.from({ length: points }, (_, at) => `point-${at}`),
  )
  const share = Math.ceil(points / POINT_PROCESSES)
  for (let at = 0; at < points; at += share)
    await stage.start<PointsRole>('points', `points-${at}`, { ...trust, url, tokens: tokens.slice(at, at + share) })
}

interface Beside {
  readonly flood?: Remote<FloodRole>
  readonly idle?: Remote<IdleRole>
}

async function startBeside(
  stage: Stage,
  { idle, flood }: Case,
  source: { readonly url: string; readonly rootPem: string },
  operator: Remote<OperatorRole>,
): Promise<Beside> {
  const tokensOf = (name: string, count: number) =>
    operator.agents(
      TENANT,
      Array.from({ length: count }, (_, at) => `${name}-${at}`),
    )
  return {
    ...(idle && {
      idle: await stage.start<IdleRole>('idle', 'idle', {
        ...source,
        tokens: await tokensOf('idle', IDLE_AGENTS),
        connections: idle,
      }),
    }),
    ...(flood && {
      flood: await stage.start<FloodRole>('flood', 'flood', { ...source, tokens: await tokensOf('flood', flood) }),
    }),
  }
}

export type { Backing }
