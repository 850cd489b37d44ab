import { randomFillSync } from 'node:crypto'
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, statfsSync, writeSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { PAGE_BYTES } from './pragmas.ts'

/** Room for some hundred kills, with what each writes to the journal. */
export const RESERVE_BYTES = 4 * 2 ** 20

const CHUNK = new Uint8Array(64 * 1024)

/** How often, in milliseconds, a reserve that is short is filled again at most. */
const RESTORE_MS = 1000

/**
 * Space that only deaths may take: bytes in a file beside the store, and pages above its limit. A disk that others
 * filled must not keep anyone alive.
 */
export interface Reserve {
  /** Runs what found no space with the reserve given up, and takes at once what is left of it. */
  spend<T>(body: () => T): T
  /** Fills the reserve where it is short and the disk has room again. */
  restore(): void
  close(): void
}

/** A reserve for a store with a limit of its own, in memory or in a file. */
export function openReserve(
  db: DatabaseSync,
  { path, maxBytes }: { path: string; maxBytes?: number | undefined },
): Reserve {
  const file = path === ':memory:' ? null : new ReserveFile(`${path}-reserve`)
  const limit = (bytes: number) => db.exec(`pragma max_page_count = ${Math.floor(bytes / PAGE_BYTES)}`)
  return {
    spend(body) {
      file?.giveUp()
      if (maxBytes !== undefined) limit(maxBytes + RESERVE_BYTES)
      try {
        return body()
      } finally {
        // SQLite never sets the limit below what the file has grown to.
        if (maxBytes !== undefined) limit(maxBytes)
        file?.fill()
      }
    },
    restore: () => file?.restore(),
    close: () => file?.close(),
  }
}

class ReserveFile {
  readonly #path: string
  readonly #fd: number
  #bytes: number
  #triedAt = Number.NEGATIVE_INFINITY

  constructor(path: string) {
    this.#path = path
    this.#fd = openSync(path, 'a', 0o600)
    this.#bytes = fstatSync(this.#fd).size
    this.restore()
  }

  giveUp(): void {
    ftruncateSync(this.#fd, 0)
    fsyncSync(this.#fd)
    this.#bytes = 0
  }

  // Random bytes, written and synced: a file system that compresses or leaves holes would promise space it has not.
  fill(): void {
    try {
      while (this.#bytes < RESERVE_BYTES) {
        const wanted = Math.min(CHUNK.length, RESERVE_BYTES - this.#bytes)
        const written = writeSync(this.#fd, randomFillSync(CHUNK), 0, wanted)
        if (written === 0) break
        this.#bytes += written
      }
      fsyncSync(this.#fd)
    } catch {
      // The disk is full: what could be had is had.
    }
  }

  restore(): void {
    if (this.#bytes >= RESERVE_BYTES) return
    const now = performance.now()
    if (now - this.#triedAt < RESTORE_MS) return
    this.#triedAt = now
    const { bavail, bsize } = statfsSync(this.#path)
    // Others need room too; the last bytes of a disk are not for keeping.
    if (bavail * bsize >= 2 * RESERVE_BYTES) this.fill()
  }

  close(): void {
    closeSync(this.#fd)
  }
}
