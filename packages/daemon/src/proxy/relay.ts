import type { Socket } from 'node:net'

/**
 * Passes bytes both ways until one side has ended. An orderly end is passed on once all bytes are; an end that is none, as
 * when the peer was killed, ends the other side at once, bytes under way included.
 */
export function relay(one: Socket, other: Socket): void {
  one.pipe(other)
  other.pipe(one)
  endWith(one, other)
  endWith(other, one)
}

function endWith(gone: Socket, left: Socket): void {
  gone.on('error', () => {})
  gone.once('close', () => {
    if (gone.readableEnded) left.destroySoon()
    else left.destroy()
  })
  if (gone.destroyed) left.destroy()
}
