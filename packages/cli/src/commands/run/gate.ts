import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import process from 'node:process'
import type { Writable } from 'node:stream'
import { refuse } from '../../problem.ts'
import { closeInherited, dropAmbient } from './inherited.ts'
import type { Program } from './program.ts'
import type { User } from './user.ts'

/** What to run, as whom, where. */
export interface Start {
  readonly program: Program
  /** Null: as whoever runs this. */
  readonly user: User | null
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
}

/** A process that will become the program, and is it only once it is let go. */
export interface Gated {
  readonly pid: number
  /** Lets it become the program; gives the exit code that it ends with, 128 and the signal where one ended it. */
  go(): Promise<number>
  /** Ends it before it has begun. */
  abandon(): void
}

// The same process becomes the program, so that it can be registered before the first instruction of the program runs.
// Where this one ends first the descriptor ends too, and nothing is started.
export const SCRIPT = 'IFS= read -r go <&3 || exit 125; [ "$go" = go ] || exit 125; exec 3<&-; exec "$@"'

/** Not those that the kernel sends for what the process itself did, nor SIGUSR1, which in Node opens an inspector. */
const PASSED_ON = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR2', 'SIGWINCH', 'SIGCONT'] as const
/** A terminal sends these to the program itself. */
const BY_TERMINAL: readonly string[] = ['SIGINT', 'SIGQUIT', 'SIGWINCH']

/** Starts the gate. Throws `launch_forbidden` where this user may not run programs under the other. */
export async function startGated({ program, user, env, cwd }: Start): Promise<Gated> {
  if (user !== null) {
    closeInherited()
    await dropAmbient()
  }
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'lanyard-gate', program.path, ...program.args], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...env },
    cwd,
    // libuv takes all supplementary groups away where one of these is set.
    ...(user && { uid: user.uid, gid: user.gid }),
  })
  await once(child, 'spawn').catch(error => {
    throw refuse('launch_forbidden', `cannot run a program as ${nameOf(user)}: ${error.code ?? error.message}`)
  })
  const ended = once(child, 'exit')
  const gate = child.stdio[3] as Writable
  gate.on('error', () => {})
  return {
    pid: child.pid!,
    go: async () => {
      passSignals(child)
      gate.end('go\n')
      const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null]
      return code ?? 128 + constants.signals[signal!]
    },
    abandon: () => void child.kill('SIGKILL'),
  }
}

const nameOf = (user: User | null): string => (user === null ? 'this user' : `${user.uid}:${user.gid}`)

function passSignals(child: ChildProcess): void {
  const atTerminal = process.stdin.isTTY === true
  for (const signal of PASSED_ON) {
    const passed = !(atTerminal && BY_TERMINAL.includes(signal))
    process.on(signal, () => passed && child.kill(signal))
  }
  // Who ends the supervisor ends what it supervises.
  process.on('exit', () => child.kill('SIGTERM'))
}
