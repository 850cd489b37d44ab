import { chownSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { eventually, fastFolder, freePort, type Leashed, leashed, programOf, unprivileged } from './programs.ts'

/** A Redis server of a test, on a port of its own. */
export interface RedisServer {
  /** `redis://127.0.0.1:PORT`, the same after a restart. */
  readonly url: string
  stop(): Promise<void>
  start(): Promise<void>
  /** Ends it for good. Also happens when the process ends. */
  remove(): Promise<void>
}

/** Starts a Redis server that keeps nothing. */
export async function startRedis(): Promise<RedisServer> {
  const port = await freePort()
  const folder = fastFolder('redis')
  const account = unprivileged()
  if (account) chownSync(folder, account.uid, account.gid)
  const args = ['--bind', '127.0.0.1', '--port', `${port}`, '--dir', folder, '--save', '', '--appendonly', 'no']
  let leash: Leashed | null = null
  const removeNow = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', removeNow)
  const server: RedisServer = {
    url: `redis://127.0.0.1:${port}`,
    async start() {
      const started = leashed(programOf('redis-server'), args, account)
      leash = started
      await eventually('Redis', () => answers(port), started.ended)
    },
    async stop() {
      await leash?.end()
      leash = null
    },
    async remove() {
      process.removeListener('exit', removeNow)
      await server.stop()
      removeNow()
    },
  }
  await server.start()
  return server
}

function answers(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.once('error', reject)
    socket.once('data', data => {
      socket.destroy()
      if (data.toString().startsWith('+PONG')) resolve()
      else reject(new Error(`expected PONG, got ${data}`))
    })
  })
}
