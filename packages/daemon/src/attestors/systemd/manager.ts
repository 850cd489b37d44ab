import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { LanyardError } from '@lanyard/api'
import { PROPERTIES } from './unit.ts'

/** The system's manager of services. */
export interface Manager {
  /** Whether one is there that counts processes as we do. */
  isThere(): boolean
  /** What it says of a unit: a line `Name=value` for each of {@link PROPERTIES}. Throws `attestation_failed`. */
  show(unit: string): Promise<string>
}

const ANSWER_MS = 3_000
const MAX_ANSWER = 64 << 10
const PLACES = ['/usr/bin/systemctl', '/bin/systemctl']

/** By `systemctl` at this absolute path: no program is looked for in `PATH`, and none gets our environment. */
export function managerBy(systemctl = PLACES.find(existsSync)): Manager {
  return {
    isThere: () => systemctl !== undefined && existsSync('/run/systemd/system') && isFirstProcess(),
    show: unit => run(systemctl!, ['--system', '--no-pager', 'show', `--property=${PROPERTIES.join(',')}`, '--', unit]),
  }
}

/**
 * Whether systemd is process 1 as we count: in a container that was handed the manager's socket its numbers would be of
 * other processes than ours.
 */
function isFirstProcess(): boolean {
  try {
    return readFileSync('/proc/1/comm', 'utf8') === 'systemd\n'
  } catch {
    return false
  }
}

function run(program: string, args: readonly string[]): Promise<string> {
  const options = {
    timeout: ANSWER_MS,
    killSignal: 'SIGKILL',
    maxBuffer: MAX_ANSWER,
    env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
    cwd: '/',
  } as const
  return new Promise((resolve, reject) => {
    const failed = (cause: unknown) =>
      reject(new LanyardError('attestation_failed', `expected an answer of ${program}, got none`, {}, { cause }))
    try {
      execFile(program, args, options, (error, stdout) => (error ? failed(error) : resolve(stdout))).stdin?.end()
    } catch (error) {
      failed(error)
    }
  })
}
