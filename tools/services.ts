// Installs the servers that tests start for themselves, where they are missing: `npm run services`.
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { programOf } from '../packages/server/src/testing/programs.ts'

/** Programs that must be there, the packages that have them, and the functions by which a test starts them. */
const SERVICES = [
  {
    program: 'initdb',
    name: 'PostgreSQL',
    starts: /\b(startPostgres|twoInstances)\b/,
    packages: { debian: 'postgresql', fedora: 'postgresql-server', brew: 'postgresql' },
  },
  {
    program: 'redis-server',
    name: 'Redis',
    starts: /\b(startRedis|twoInstances)\b/,
    packages: { debian: 'redis-server', fedora: 'redis', brew: 'redis' },
  },
  {
    program: 'nginx',
    name: 'nginx',
    starts: /\bstartNginx\b/,
    packages: { debian: 'nginx', fedora: 'nginx', brew: 'nginx' },
  },
  {
    program: 'haproxy',
    name: 'HAProxy',
    starts: /\bstartHaproxy\b/,
    packages: { debian: 'haproxy', fedora: 'haproxy', brew: 'haproxy' },
  },
] as const
type Service = (typeof SERVICES)[number]

/** A new machine often installs something by itself at first, and mirrors falter. */
const APT = ['-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=3'] as const

/** Those that are not on this machine. */
export const missingServices = (): readonly Service[] => SERVICES.filter(isMissing)

export const namesOf = (services: readonly Service[]): string => services.map(({ name }) => name).join(' and ')

function isMissing({ program }: Service): boolean {
  try {
    programOf(program)
    return false
  } catch {
    return true
  }
}

if (process.argv[1]?.endsWith('tools/services.ts')) {
  try {
    provide(missingServices())
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 1
  }
}

function provide(missing: readonly Service[]): void {
  if (missing.length === 0) return void console.log(`${namesOf(SERVICES)} are there.`)
  const packagesOf = (kind: keyof Service['packages']) => missing.map(({ packages }) => packages[kind])
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) throw new Error(adviceOn(missing, packagesOf))
  run('apt-get', [...APT, 'update', '-qq'])
  install(packagesOf('debian'))
  const still = missingServices()
  if (still.length > 0) throw new Error(`${namesOf(still)} could not be installed`)
}

function adviceOn(missing: readonly Service[], packagesOf: (kind: keyof Service['packages']) => string[]): string {
  return `${namesOf(missing)}: not installed. Tests that need them are skipped. Install the server programs, for example:
  Debian, Ubuntu:  sudo apt-get install ${packagesOf('debian').join(' ')}
  Fedora:          sudo dnf install ${packagesOf('fedora').join(' ')}
  macOS:           brew install ${packagesOf('brew').join(' ')}
They need not run: each test starts its own, in a folder of its own.`
}

/** Installs programs without a service: nothing listens on this machine that nobody asked for. */
function install(packages: readonly string[]): void {
  // https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt: 101 forbids to start.
  const policy = '/usr/sbin/policy-rc.d'
  const ours = !existsSync(policy)
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    run('apt-get', [...APT, 'install', '-y', '-qq', '--no-install-recommends', ...packages])
  } finally {
    if (ours) rmSync(policy)
  }
}

function run(command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, {
    stdio: 'inherit',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? `ended with ${status}`}`)
}
