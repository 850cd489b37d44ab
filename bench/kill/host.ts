// A process of `bench -- kill`: plays the roles that it is told to, so that one case can have all in one process and
// another each in its own.
import process from 'node:process'
import type { Ask, Reply } from './rpc.ts'

type Role = Record<string, (...args: readonly unknown[]) => unknown>

const ROLES: Record<string, () => Promise<(options: never) => Promise<object>>> = {
  authority: async () => (await import('./roles/authority.ts')).startAuthority,
  operator: async () => (await import('./roles/operator.ts')).startOperator,
  worker: async () => (await import('./roles/worker.ts')).startWorker,
  callers: async () => (await import('./roles/callers.ts')).startCallers,
  points: async () => (await import('./roles/points.ts')).startPoints,
  idle: async () => (await import('./roles/idle.ts')).startIdle,
  flood: async () => (await import('./roles/flood.ts')).startFlood,
  gate: async () => (await import('./roles/gate.ts')).startGate,
  'hot-server': async () => (await import('./roles/hot-server.ts')).startHotServer,
  'hot-caller': async () => (await import('./roles/hot-caller.ts')).startHotCaller,
}

const playing = new Map<string, Role>()

async function obey({ method, name, role, args }: Ask): Promise<unknown> {
  if (method === 'start') {
    const start = (await ROLES[role!]!()) as (options: unknown) => Promise<object>
    playing.set(name, (await start(args[0])) as Role)
    return undefined
  }
  return await playing.get(name)![method]!(...args)
}

process.on('message', async (ask: Ask) => {
  const reply = await obey(ask).then(
    (value): Reply => ({ id: ask.id, value }),
    (error): Reply => ({ id: ask.id, error: `${ask.role ?? ask.name} ${ask.method}: ${error?.stack ?? error}` }),
  )
  process.send?.(reply)
})
process.once('disconnect', () => process.exit())
