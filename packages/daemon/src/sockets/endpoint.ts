import { lstatSync, type Stats, statSync } from 'node:fs'
import { dirname, isAbsolute } from 'node:path'
import process from 'node:process'
import { LanyardError } from '@lanyard/api'
import { makeTrusted } from '../disk/trusted-folder.ts'

const UNIX = 'unix://'

/**
 * The path in the address of a socket.
 *
 * @throws LanyardError `config_invalid`. TCP is refused: nobody can ask the kernel which process is at the other end.
 */
export function socketPathOf(address: string): string {
  if (address.startsWith('tcp:'))
    throw new LanyardError(
      'config_invalid',
      `${address}: the Workload API is not served over TCP, where nothing tells which process asks; give unix:///PATH`,
    )
  const path = address.startsWith(UNIX) ? address.slice(UNIX.length) : address
  if (!isAbsolute(path) || /[?#\0]/.test(path))
    throw new LanyardError('config_invalid', `expected unix:///PATH or an absolute path, got ${address}`)
  return path
}

/**
 * Refuses a folder where others could put a socket of their own in the place of ours, and be asked for identities.
 *
 * @throws LanyardError `permissions_too_wide`, `socket_unusable`
 */
export function requireFolder(path: string): void {
  const folder = dirname(path)
  const [itself, target] = made(folder)
  // Where the folder is a link, whoever owns the link chooses the folder.
  for (const { uid } of [itself, target]) requireOwner(folder, uid)
  if (!target.isDirectory()) throw new LanyardError('socket_unusable', `${folder}: expected a folder`)
  const others = (target.mode & 0o022) !== 0
  const sticky = (target.mode & 0o1000) !== 0
  if (others && !sticky)
    throw new LanyardError(
      'permissions_too_wide',
      `expected ${folder} to be writable by its owner alone, got mode ${(target.mode & 0o7777).toString(8)}`,
    )
}

function requireOwner(folder: string, uid: number): void {
  if (uid === 0 || uid === process.getuid?.()) return
  throw new LanyardError('permissions_too_wide', `${folder} belongs to user ${uid}, who could replace the socket`)
}

function made(folder: string): [Stats, Stats] {
  try {
    makeTrusted(folder, 0o755)
    return [lstatSync(folder), statSync(folder)]
  } catch (error) {
    if (error instanceof LanyardError) throw error
    const reason = (error as NodeJS.ErrnoException).code ?? 'it cannot be used'
    throw new LanyardError('socket_unusable', `${folder}: ${reason}`, {}, { cause: error })
  }
}
