import { lstatSync, mkdirSync, readlinkSync, type Stats } from 'node:fs'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { LanyardError } from '@lanyard/api'
import { isOpenToOthers } from '@lanyard/sdk/authority'

/** As many as the kernel follows: path_resolution(7). */
const MOST_LINKS = 40

/**
 * Makes a folder where it is missing. On the way to it lies nothing that others can replace: whoever can rename one folder
 * above, or owns one link, chooses where we write as a user who may more than they.
 *
 * @throws LanyardError `permissions_too_wide`, and the error of the system
 */
export function makeTrusted(folder: string, mode: number): void {
  const missing = requireTrusted(folder)
  if (missing) mkdirSync(folder, { recursive: true, mode })
}

/**
 * Goes the way of the kernel, link by link. True: some of it is not there.
 *
 * @throws LanyardError `permissions_too_wide`
 */
export function requireTrusted(folder: string): boolean {
  const names = partsOf(resolve(folder))
  let at = '/'
  for (let links = 0; names.length > 0; ) {
    const path = join(at, names.shift()!)
    const stats = lstatSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return true
    judge(path, stats)
    if (stats.isSymbolicLink()) {
      if (links++ === MOST_LINKS) throw wide(`expected ${folder} without links in circles`)
      const target = readlinkSync(path)
      if (target.startsWith('/')) at = '/'
      names.unshift(...partsOf(target))
    } else at = path
  }
  return false
}

const partsOf = (path: string): string[] => path.split('/').filter(part => part !== '' && part !== '.')

function judge(path: string, stats: Stats): void {
  const { uid, mode } = stats
  if (uid !== 0 && uid !== process.geteuid?.()) throw wide(`${path} belongs to user ${uid}, who could replace it`)
  if (stats.isDirectory() && isOpenToOthers(stats))
    throw wide(`expected ${path} to be writable by its owner alone, got mode ${(mode & 0o7777).toString(8)}`)
}

const wide = (detail: string) => new LanyardError('permissions_too_wide', detail)
