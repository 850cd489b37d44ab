import { lstatSync, readlinkSync, type Stats } from 'node:fs'
import { dirname, resolve } from 'node:path'

interface Who {
  readonly uid: number
  readonly gid: number
}

/**
 * Which of these files, and of the folders and links on the way to them, a user can change: each lets whatever runs under
 * that user become the agent at its next start. Absolute paths, each once.
 */
export function changeableBy(who: Who, files: readonly string[]): string[] {
  // Root changes everything; saying so of each file tells nothing.
  if (who.uid === 0) return []
  const found = new Set<string>()
  for (const file of files) for (const path of pathsTo(file)) if (canChange(who, path)) found.add(path)
  return [...found]
}

/** A file with all folders above it, through symbolic links; 40 of them, as the kernel. */
function pathsTo(file: string, links = 40): string[] {
  const paths = [file]
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) paths.push(folder)
  const linked = paths.filter(path => statOf(path)?.isSymbolicLink())
  if (links === 0) return paths
  const targets = linked.map(path => resolve(dirname(path), readlinkSync(path), file.slice(path.length + 1)))
  return [...paths, ...targets.flatMap(target => pathsTo(target, links - 1))]
}

const statOf = (path: string): Stats | undefined => {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

function canChange({ uid, gid }: Who, path: string): boolean {
  const stats = statOf(path)
  if (!stats || stats.isSymbolicLink()) return false
  // Who owns it gives himself the permission.
  if (stats.uid === uid) return true
  const write = stats.gid === gid ? 0o020 : 0o002
  // In a sticky folder a user renames and deletes only what is his, which is found by its own row.
  return (stats.mode & write) !== 0 && (stats.mode & 0o1000) === 0
}
