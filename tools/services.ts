// Installs the servers that tests start for themselves, where they are missing: `npm run services`.
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { programOf } from '../packages/server/src/testing/programs.ts'

/** A program that must be there, and the Debian package that has it. */
const SERVICES = [
  { program: 'initdb', name: 'PostgreSQL', debian: 'postgresql', fedora: 'postgresql-server', brew: 'postgresql' },
  { program: 'redis-server', name: 'Redis', debian: 'redis-server', fedora: 'redis', brew: 'redis' },
] as const

const isMissing = ({ program }: (typeof SERVICES)[number]): boolean => {
  try {
    programOf(program)
    return false
  } catch {
    return true
  }
}

const missing = SERVICES.filter(isMissing)
if (missing.length === 0) {
  console.log('PostgreSQL and Redis are there.')
} else if (process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
  run('apt-get', ['update', '-qq'])
  install(missing.map(({ debian }) => debian))
  const still = missing.filter(isMissing).map(({ name }) => name)
  if (still.length > 0) throw new Error(`${still.join(' and ')} could not be installed`)
} else {
  const names = missing.map(({ name }) => name).join(' and ')
  console.error(`${names}: not installed. Tests that need them fail. Install the server programs, for example:
  Debian, Ubuntu:  sudo apt-get install ${missing.map(({ debian }) => debian).join(' ')}
  Fedora:          sudo dnf install ${missing.map(({ fedora }) => fedora).join(' ')}
  macOS:           brew install ${missing.map(({ brew }) => brew).join(' ')}
They need not run: each test starts its own, in a folder of its own.`)
  process.exitCode = 1
}

/** Installs programs without a service: nothing listens on this machine that nobody asked for. */
function install(packages: readonly string[]): void {
  // https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt: 101 forbids to start.
  const policy = '/usr/sbin/policy-rc.d'
  const ours = !existsSync(policy)
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages])
  } finally {
    if (ours) rmSync(policy)
  }
}

function run(command: string, args: readonly string[]): void {
  const { status } = spawnSync(command, args, {
    stdio: 'inherit',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`)
}
