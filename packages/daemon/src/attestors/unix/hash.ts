import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { BoundedMap } from '@lanyard/protocol'

/** How many hashes are kept. */
const KEEP = 1_000
/** A file that changed so recently may change again within the same tick of its clock. In milliseconds. */
const SETTLED_MS = 2_000

/** What changes whenever the content does: writing sets `ctime`, which nobody can set to another time. */
function versionOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
}

async function hashOf(file: FileHandle, size: number): Promise<string> {
  const hash = createHash('sha256')
  let read = 0
  for await (const chunk of file.createReadStream({ autoClose: false, highWaterMark: 1 << 20, end: size })) {
    read += (chunk as Buffer).length
    hash.update(chunk as Buffer)
  }
  return read === size ? hash.digest('hex') : ''
}

/** SHA-256 of executables, each file read once. */
export class Hashes {
  readonly #kept = new BoundedMap<string, string>(KEEP)
  readonly #maxBytes: number
  readonly #now: () => number
  /** How many files were read. */
  read = 0

  /** @param maxBytes larger files have no hash; 0: none has */
  constructor(maxBytes: number, now: () => number = Date.now) {
    this.#maxBytes = maxBytes
    this.#now = now
  }

  /**
   * The hash in hex of the file that a process executes, as a list; empty: too large, not ours to read, or another file than
   * `expected` by now. Of the file, not of what runs: memory may differ.
   */
  async ofProcess(pid: number, expected: BigIntStats): Promise<readonly string[]> {
    const version = versionOf(expected)
    const kept = this.#kept.get(version)
    if (kept !== undefined) return [kept]
    if (expected.size > BigInt(this.#maxBytes)) return []
    const file = await open(`/proc/${pid}/exe`).catch(() => null)
    if (!file) return []
    try {
      return await this.#ofFile(file, version, Number(expected.size))
    } finally {
      await file.close()
    }
  }

  async #ofFile(file: FileHandle, version: string, size: number): Promise<readonly string[]> {
    if (versionOf(await file.stat({ bigint: true })) !== version) return []
    this.read++
    const hash = await hashOf(file, size)
    const after = await file.stat({ bigint: true })
    if (versionOf(after) !== version || hash === '') return []
    if (this.#now() - Number(after.ctimeMs) > SETTLED_MS) this.#kept.set(version, hash)
    return [hash]
  }
}
