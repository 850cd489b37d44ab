import {
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { LanyardError } from '@lanyard/api'

/** A folder for keys: its owner alone can enter it, and every file in it is whole or not there. */
export class PrivateFolder {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /**
   * Makes it where it is missing.
   *
   * @throws LanyardError `permissions_too_wide` for a folder that others can enter or own, `file_unwritable`
   */
  static open(path: string): PrivateFolder {
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 })
    } catch (cause) {
      throw unwritable(path, cause)
    }
    const stats = lstatSync(path)
    if (!stats.isDirectory()) throw new LanyardError('file_unwritable', `expected ${path} to be a folder`)
    requirePrivate(path, stats)
    return new PrivateFolder(path)
  }

  folder(name: string): PrivateFolder {
    return PrivateFolder.open(join(this.path, name))
  }

  /**
   * The text of a file; null where there is none.
   *
   * @throws LanyardError `permissions_too_wide` for a file that others can read
   */
  read(name: string): string | null {
    const path = join(this.path, name)
    const stats = lstatSync(path, { throwIfNoEntry: false })
    if (!stats?.isFile()) return null
    requirePrivate(path, stats)
    return readFileSync(path, 'utf8')
  }

  /**
   * Puts a file in the place of the one that may be there. With `durable` it outlives a loss of power.
   *
   * @throws LanyardError `file_unwritable`
   */
  write(name: string, text: string, { durable = false } = {}): void {
    const path = join(this.path, name)
    const fresh = `${path}.new`
    try {
      rmSync(fresh, { force: true })
      const file = openSync(fresh, 'wx', 0o600)
      try {
        writeFileSync(file, text)
        if (durable) fsyncSync(file)
      } finally {
        closeSync(file)
      }
      renameSync(fresh, path)
      if (durable) syncFolder(this.path)
    } catch (cause) {
      rmSync(fresh, { force: true })
      throw unwritable(path, cause)
    }
  }

  remove(name: string): void {
    rmSync(join(this.path, name), { force: true })
  }

  /** What lies in it, but for files that were never finished. */
  names(): string[] {
    return readdirSync(this.path).filter(name => !name.endsWith('.new'))
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

function requirePrivate(path: string, { mode, uid }: { readonly mode: number; readonly uid: number }): void {
  if (uid !== process.geteuid?.())
    throw new LanyardError('permissions_too_wide', `${path} belongs to user ${uid}, who could read the keys`)
  if ((mode & 0o077) === 0) return
  const shown = (mode & 0o777).toString(8)
  throw new LanyardError('permissions_too_wide', `expected ${path} for its owner alone, got mode ${shown}`)
}

function unwritable(path: string, cause: unknown): LanyardError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'it cannot be written'
  return new LanyardError('file_unwritable', `${path}: ${code}`, {}, { cause })
}
