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
      const started = leashed(folder, programOf('redis-server'), args, account)
      leash = started
      await eventually('Redis', () => answers(port), started.ended)
    },
    async stop() {
      const ending = leash
      leash = null
      if (!ending || ending.ended()) return
      // Who cannot be asked is ended.
      const asked = ask(port, 'SHUTDOWN NOSAVE').catch(() => void ending.process.stdin?.end())
      await ending.exited()
      await asked
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

async function answers(port: number): Promise<void> {
  const answer = await ask(port, 'PING')
  if (!answer.startsWith('+PONG')) throw new Error(`expected PONG, got ${answer}`)
}

/** The answer to one command; empty when the connection ends instead. */
function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`))
    socket.once('error', reject)
    socket.once('close', () => resolve(''))
    socket.once('data', data => {
      resolve(data.toString())
      socket.destroy()
    })
  })
}
