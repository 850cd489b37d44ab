import { startWorker, type WorkerRole } from './worker.ts'

export interface PointsOptions {
  readonly url: string
  readonly rootSha256: string
  readonly tenant: string
  /** One for each enforcement point. */
  readonly tokens: readonly string[]
}

export interface PointsRole {
  close(): Promise<void>
}

const AT_ONCE = 8

/** Many enforcement points in one process, each a service with an identity, a guard and a feed of its own. */
export async function startPoints({ tokens, ...options }: PointsOptions): Promise<PointsRole> {
  const points: WorkerRole[] = []
  let next = 0
  const helper = async () => {
    for (let at = next++; at < tokens.length; at = next++)
      points.push(await startWorker({ ...options, token: tokens[at]! }))
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, tokens.length) }, helper))
  return {
    async close() {
      await Promise.all(points.map(point => point.close()))
    },
  }
}
