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

/** Connections to an instance by mutual TLS on which nobody says anything. */
export async function startIdle({ tokens, connections, ...source }: IdleOptions): Promise<IdleRole> {
  const held = await credentialsFor(source, tokens)
  const contexts = held.map(each => contextOf(each, source.rootPem))
  const { hostname, port } = new URL(source.url)
  const sockets: TLSSocket[] = []
  let next = 0
  const helper = async () => {
    for (let at = next++; at < connections; at = next++) {
      const secureContext = contexts[at % contexts.length]!
      const socket = connect({ host: hostname, port: Number(port), secureContext, ALPNProtocols: ['http/1.1'] })
      socket.on('error', () => {})
      await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')])
      socket.resume()
      sockets.push(socket)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, helper))
  return {
    open: () => sockets.filter(socket => !socket.destroyed && socket.readyState === 'open').length,
    close: () => sockets.forEach(socket => void socket.destroy()),
  }
}
