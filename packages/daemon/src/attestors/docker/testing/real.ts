import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** What `docker` writes. Throws what it complains of. */
export function docker(args: readonly string[], input?: Buffer): string {
  const { status, stdout, stderr } = spawnSync('docker', args, { input, maxBuffer: 1 << 28 })
  if (status === 0) return stdout.toString().trim()
  throw new Error(`docker ${args[0]}: ${stderr}`)
}

/** The socket of an engine that the `docker` command of this machine reaches, where its processes may be looked at. */
export function realEngine(): string | undefined {
  if (process.getuid?.() !== 0 || spawnSync('docker', ['info']).status !== 0) return undefined
  const host = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock'
  return host.startsWith('unix://') ? host.slice('unix://'.length) : undefined
}

const PROGRAMS = ['/bin/sleep', '/bin/sh']

/** An image of a shell and `sleep`, with the libraries that they load here. Gives its id. */
export function importImage(): string {
  const folder = mkdtempSync(join(tmpdir(), 'img-'))
  const libraries =
    spawnSync('ldd', PROGRAMS)
      .stdout.toString()
      .match(/\/\S+(?= \()/g) ?? []
  for (const path of new Set([...PROGRAMS, ...libraries])) {
    mkdirSync(join(folder, dirname(path)), { recursive: true })
    copyFileSync(path, join(folder, path))
  }
  const tar = spawnSync('tar', ['-C', folder, '-c', '.'], { maxBuffer: 1 << 28 }).stdout
  rmSync(folder, { recursive: true, force: true })
  return docker(['import', '-'], tar)
}
