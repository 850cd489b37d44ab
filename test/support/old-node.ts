import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** The oldest line of Node that the SDK runs on, at one exact version. */
const VERSION = '22.23.3'
const ROOT = resolve(import.meta.dirname, '../..')

/** The `node` of that version, from the registry by way of npm's cache; kept in `.cache` of the project. */
export function oldNode(): string {
  const name = `${process.platform === 'darwin' ? 'node-bin-darwin' : 'node-linux'}-${process.arch}`
  const folder = join(ROOT, '.cache', `node-${VERSION}`)
  const node = join(folder, 'node_modules', name, 'bin/node')
  if (!existsSync(node)) npm(folder, ['install', '--no-save', `${name}@${VERSION}`])
  return node
}

/** Runs npm in a folder of its own, which knows nothing of this project. */
export function npm(folder: string, args: readonly string[]): void {
  mkdirSync(folder, { recursive: true })
  const quiet = [
    '--prefix',
    folder,
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    '--prefer-offline',
    '--loglevel=error',
  ]
  execFileSync('npm', [...args, ...quiet], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
}
