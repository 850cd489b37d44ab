import { chmodSync, readdirSync, statSync } from 'node:fs'

/**
 * Closes a data folder that others can enter while nothing lies in it: what a plain `mkdir` makes. One that holds
 * anything is left as it is, and refused by the server, since its keys may have been read. True: the mode was changed.
 */
export function closeEmptyFolder(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats?.isDirectory() || (stats.mode & 0o077) === 0 || stats.uid !== process.getuid?.()) return false
  if (readdirSync(path).length > 0) return false
  chmodSync(path, 0o700)
  return true
}
