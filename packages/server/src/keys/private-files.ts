import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { LanyardError } from '@lanyard/api'

const FOLDER = 0o700
const FILE = 0o600

/**
 * The data folder, ready to hold keys: made when it is not there, refused with `permissions_too_wide` when others than
 * its owner can enter it, or could read or change one of its files, and with `config_invalid` when something in it is
 * neither a file, a folder nor a socket. `chmod` is left to a person: whoever could read the keys may have done so, and no program
 * can undo that.
 */
export function openPrivateFolder(path: string): void {
  makeFolder(path)
  const folder = lstatSync(path)
  if (!folder.isDirectory())
    throw new LanyardError('config_invalid', `expected a folder, got something else at ${path}`)
  requireNarrow(path, folder, FOLDER)
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    // A socket holds nothing to read; one is left behind by an authority that was killed with its Workload API.
    if (!entry.isDirectory() && !entry.isSocket()) requirePrivateFile(join(path, entry.name))
  }
}

// A link would put the store where others may read it, whatever the mode of this folder; a pipe would be waited for.
function requirePrivateFile(path: string): void {
  const stats = lstatSync(path)
  if (!stats.isFile()) throw new LanyardError('config_invalid', `expected a file, got something else at ${path}`)
  requireNarrow(path, stats, FILE)
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: FOLDER })
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code
    throw new LanyardError('config_invalid', `expected a folder, or a place for one, at ${path} (${reason})`)
  }
}

/** Writes a file that is not there yet, readable by its owner alone, durably. Throws EEXIST when it is there. */
export function createPrivateFile(path: string, content: string): void {
  writeDurably(path, content, constants.O_EXCL)
  syncFolder(dirname(path))
}

/** Puts a file in place of an older one, whole or not at all. */
export function replacePrivateFile(path: string, content: string): void {
  const next = join(dirname(path), `.${basename(path)}.new`)
  rmSync(next, { force: true })
  writeDurably(next, content, constants.O_EXCL)
  renameSync(next, path)
  syncFolder(dirname(path))
}

/** The text of a private file; null when there is none. Throws `permissions_too_wide`. */
export function readPrivateFile(path: string): string | null {
  const descriptor = openIfThere(path)
  if (descriptor === null) return null
  try {
    requireNarrow(path, fstatSync(descriptor), FILE)
    return readFileSync(descriptor, 'utf8')
  } finally {
    closeSync(descriptor)
  }
}

function openIfThere(path: string): number | null {
  try {
    // A symbolic link in the data folder would make us read, and trust, what lies elsewhere.
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function writeDurably(path: string, content: string, flags: number): void {
  const descriptor = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | flags, FILE)
  try {
    fchmodSync(descriptor, FILE)
    writeFileSync(descriptor, content)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

// A new name is durable once its folder is.
function syncFolder(path: string): void {
  const descriptor = openSync(path, constants.O_RDONLY)
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function requireNarrow(path: string, { mode, uid }: Stats, widest: number): void {
  if (process.getuid !== undefined && uid !== process.getuid())
    throw new LanyardError(
      'permissions_too_wide',
      `expected ${path} to be ours (user ${process.getuid()}), it is of ${uid}`,
    )
  const actual = mode & 0o7777
  if ((actual & ~widest & 0o777) === 0) return
  throw new LanyardError(
    'permissions_too_wide',
    `expected ${path} to be at most ${octal(widest)}, got ${octal(actual)}`,
  )
}

const octal = (mode: number) => mode.toString(8).padStart(4, '0')
