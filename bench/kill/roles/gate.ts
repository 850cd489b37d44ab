import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import process from 'node:process'
import { monotonic } from '../clock.ts'
import { KillWatch } from '../postgres-wire.ts'

export interface GateOptions {
  /** Socket of the database. */
  readonly database: string
  /** Sockets at which each instance finds the database: through here. */
  readonly sockets: readonly string[]
}

export interface GateRole {
  /** Where the balancer listens. */
  port(): number
  /** New connections go to the first of these ports of 127.0.0.1 that takes them. */
  lead(ports: readonly number[]): void
  /**
   * Ends the process `pid` at the moment when the database says that the next kill through socket `at` is committed: its own
   * process never hears of it. Back when that is done, with the moment.
   */
  strike(at: number, pid: number): Promise<number>
}

/** The bell that rings in the transaction of a kill. */
const CHANNEL = 'lanyard_kill_switch'

interface Strike {
  readonly at: number
  readonly pid: number
  readonly done: (at: number) => void
}

/** Stands before the instances as a balancer of TCP connections, and behind them before their database. */
export async function startGate({ database, sockets }: GateOptions): Promise<GateRole> {
  let goals: readonly number[] = []
  let strike: Strike | null = null

  const balancer = await listening(
    createServer({ pauseOnConnect: true }, client => void lead(client, goals)),
    0,
  )
  const watched = (at: number) => (client: Socket) => {
    const server = connect(database)
    const watch = new KillWatch(CHANNEL)
    client.on('data', chunk => watch.sent(chunk as Buffer))
    server.on('data', chunk => {
      if (!watch.received(chunk as Buffer) || strike?.at !== at) return
      const { pid, done } = strike
      strike = null
      process.kill(pid, 'SIGKILL')
      done(monotonic())
    })
    // After the watchers, so that they see each byte first.
    join(client, server)
  }
  await Promise.all(sockets.map((socket, at) => listening(createServer(watched(at)), socket)))
  return {
    port: () => (balancer.address() as AddressInfo).port,
    lead(ports) {
      goals = ports
    },
    strike: (at, pid) => new Promise(resolve => (strike = { at, pid, done: resolve })),
  }
}

function lead(client: Socket, [first, ...others]: readonly number[]): void {
  if (first === undefined) return void client.destroy()
  const server = connect(first, '127.0.0.1')
  const next = () => lead(client, others)
  server.once('error', next)
  server.once('connect', () => {
    server.off('error', next)
    join(client, server)
    client.resume()
  })
}

function join(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.setNoDelay(true)
    from.pipe(to)
    from.on('error', () => {})
    from.on('close', () => to.destroy())
  }
}

async function listening(server: Server, where: number | string): Promise<Server> {
  if (typeof where === 'number') server.listen(where, '127.0.0.1')
  else server.listen(where)
  await once(server, 'listening')
  return server
}
