import type { EventEmitter } from 'node:events'

/** Kept once a socket, session or stream has closed, be it by a reset. */
export function gone(carrier: EventEmitter): Promise<void> {
  carrier.on('error', () => {})
  return new Promise(resolve => carrier.once('close', () => resolve()))
}
