import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import { contextOf, credentialsFor, type Source } from '../../../test/support/credential.ts'

export interface IdleOptions extends Source {
  /** Of the agents that hold the connections; they share them evenly. */
  readonly tokens: readonly string[]
  readonly connections: number
}

export interface IdleRole {
  /** How many are open still. */
  open(): number
  close(): void
}

const AT_ONCE = 16

/** Before the instance loses its patience with whoever says nothing. */
const ASKS_AGAIN_MS = 240_000

/** Connections to an instance by mutual TLS that are kept alive, and on which next to nothing is said. */
export async function startIdle({ tokens, connections, ...source }: IdleOptions): Promise<IdleRole> {
  const held = await credentialsFor(source, tokens)
  const contexts = held.map(each => contextOf(each, source.rootPem))
  const { hostname, port } = new URL(source.url)
  const sockets: TLSSocket[] = []
  // One that never asked anything is none that is idle: the server takes it for one that is too slow.
  const ask = (socket: TLSSocket) => socket.write(`GET /healthz HTTP/1.1\r\nhost: ${hostname}:${port}\r\n\r\n`)
  const again = setInterval(() => sockets.forEach(ask), ASKS_AGAIN_MS)
  let next = 0
  const helper = async () => {
    for (let at = next++; at < connections; at = next++) {
      const secureContext = contexts[at % contexts.length]!
      const socket = connect({ host: hostname, port: Number(port), secureContext, ALPNProtocols: ['http/1.1'] })
      socket.on('error', () => {})
      await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')])
      socket.resume()
      ask(socket)
      sockets.push(socket)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, helper))
  return {
    open: () => sockets.filter(socket => !socket.destroyed && socket.readyState === 'open').length,
    close() {
      clearInterval(again)
      for (const socket of sockets) socket.destroy()
    },
  }
}
