// Lists what each shipped program brings with it, from the lock file: `npm run dependencies` writes DEPENDENCIES.txt.
import { readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'

/** Packages that people run or install. */
export const listed = ['cli', 'daemon', 'policy', 'sdk', 'server'] as const

interface Entry {
  readonly version?: string
  readonly link?: true
  readonly resolved?: string
  readonly dependencies?: Readonly<Record<string, string>>
}

/** The text of DEPENDENCIES.txt: every package that `name` needs at run time, with its version, one a line. */
export function dependenciesOf(name: (typeof listed)[number]): string {
  const packages: Record<string, Entry> = JSON.parse(readFileSync('package-lock.json', 'utf8')).packages
  const found = new Map<string, string>()
  const visit = (path: string) => {
    for (const dependency of Object.keys(packages[path]?.dependencies ?? {})) {
      const at = resolve(packages, path, dependency)
      const entry = packages[at]!
      if (found.has(at)) continue
      found.set(at, entry.link ? `${dependency} (this repository)` : `${dependency} ${entry.version}`)
      visit(entry.link ? entry.resolved! : at)
    }
  }
  visit(`packages/${name}`)
  return `${[...new Set(found.values())].toSorted().join('\n')}\n`
}

// The nearest node_modules folder upwards, as Node looks it up.
function resolve(packages: Record<string, Entry>, from: string, name: string): string {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))) {
    const candidate = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`
    if (packages[candidate]) return candidate
    if (folder === '') throw new Error(`${name}, which ${from} needs, is not in the lock file`)
  }
}

if (process.argv[1]?.endsWith('tools/dependencies.ts')) {
  for (const name of listed) writeFileSync(`packages/${name}/DEPENDENCIES.txt`, dependenciesOf(name))
}
