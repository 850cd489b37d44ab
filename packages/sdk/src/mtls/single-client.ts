import type { Socket } from 'node:net'
import { Client } from 'undici'

/**
 * A client of undici on one socket that was verified before. It never connects by itself: where undici would, on a
 * connection that nobody judged, the request fails without having been sent.
 */
export function singleClient(origin: string, socket: Socket, options: Client.Options = {}): Client {
  let given = false
  return new Client(origin, {
    ...options,
    allowH2: false,
    pipelining: 1,
    connect: (_target, callback) => {
      const gone = given || socket.destroyed
      given = true
      // Not in the same turn: undici would not go on from where it asked.
      queueMicrotask(() => (gone ? callback(new Error('the connection has closed'), null) : callback(null, socket)))
    },
  })
}
