import { connect, type Socket } from 'node:net'
import { codeOf, IdentityError } from '../errors.ts'
import type { Endpoint } from './address.ts'
import { checkEndpoint, checkPeer } from './trusted-socket.ts'

/**
 * A connection to a socket of the daemon, once it is clear who serves it.
 *
 * @throws IdentityError `workload_api_unreachable`, `workload_api_untrusted`
 */
export async function openSocket(endpoint: Endpoint, uids: ReadonlySet<number> | null): Promise<Socket> {
  const place = await checkEndpoint(endpoint, uids)
  const socket = await connected(place)
  try {
    checkPeer(socket, place, uids)
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

function connected(place: Endpoint): Promise<Socket> {
  const target = place.kind === 'unix' ? { path: place.path } : { host: place.host, port: place.port }
  return new Promise((resolve, reject) => {
    const socket = connect(target)
    const failed = (cause: Error) => reject(unreachable(codeOf(cause), cause))
    socket.once('error', failed)
    socket.once('connect', () => {
      socket.off('error', failed)
      resolve(socket)
    })
  })
}

export const unreachable = (why: string, cause?: unknown): IdentityError =>
  new IdentityError('workload_api_unreachable', `no answer from the Workload API: ${why}`, { cause })
