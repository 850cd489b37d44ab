import { readFileSync } from 'node:fs'
import process from 'node:process'
import { connectDaemon, DAEMON } from '../../client/daemon.ts'
import { command, list, required, text } from '../../command.ts'
import { visible } from '../../layout.ts'
import { requireLinux } from '../daemon/platform.ts'
import { changeableBy } from './changeable.ts'
import { environmentOf } from './environment.ts'
import { startGated } from './gate.ts'
import { findProgram, type Program } from './program.ts'
import { findUser, thisUser, type User } from './user.ts'

export const run = command({
  name: 'run',
  summary: 'Launch a program as the main process of an entry: it gets the identity, what it spawns does not.',
  about:
    'For a supervisor (root, or a user among the `launchers` of the daemon), not for the agent itself. The program gets PATH,\nHOME, LANG, LC_*, TZ, TERM and SPIFFE_ENDPOINT_SOCKET alone, its own exit code is ours, and signals are passed on.\nStandard input and output are its own. Use --user instead of sudo: what sudo starts is a child\nof it, and gets nothing; and a program that changes its own user is the agent no more.',
  operands: [{ name: 'CMD', about: 'The program, with its arguments after it', rest: true }],
  options: {
    entry: required(text('ENTRY', 'The entry: its id, or its SPIFFE ID where one entry has it')),
    user: text('USER', 'Run it as this user: a name, or UID:GID; its primary group is its only one'),
    env: list('NAME', 'Pass this variable too, or NAME=VALUE; NODE_OPTIONS and LD_* never'),
    ...DAEMON,
  },
  examples: [
    {
      line: 'lanyard run --entry 0f8c2d1e9b7a4635 --user invoice -- node /opt/invoice/agent.js',
      does: 'Node.js under the user invoice, without an inspector that others could open.',
    },
    {
      line: 'lanyard run --entry spiffe://example.org/tenant/acme/agent/invoice --env HTTPS_PROXY -- /opt/invoice/agent',
      does: 'By SPIFFE ID, under your own user, with one more variable.',
    },
  ],
  run: async ({ operands, options, io, note }) => {
    requireLinux()
    const user = options.user === undefined ? null : findUser(options.user)
    const program = findProgram(operands, io.cwd, io.env.PATH ?? '/usr/local/bin:/usr/bin:/bin')
    const daemon = connectDaemon(options, io)
    try {
      const { workload_api } = await daemon.call<{ workload_api: string }>('GET', '/status')
      const socket = io.env.SPIFFE_ENDPOINT_SOCKET || workload_api
      const always = { SPIFFE_ENDPOINT_SOCKET: socket, ...(user && { HOME: user.home }) }
      const env = environmentOf(io.env, options.env ?? [], always)
      for (const warning of warningsOf(program, user ?? thisUser(io.home))) note(`warning: ${visible(warning)}`)
      const gated = await startGated({ program, user, env, cwd: io.cwd })
      try {
        const launch = { entry: options.entry, pid: gated.pid }
        const { open = [] } = await daemon.call<Launched>('POST', '/launches', launch)
        for (const warning of open.map(othersToo)) note(`warning: ${visible(warning)}`)
      } catch (error) {
        gated.abandon()
        throw error
      }
      daemon.close()
      return { json: null, text: '', silent: true, exit: await gated.go() }
    } finally {
      daemon.close()
    }
  },
})

interface Launched {
  /** Entries for every process with selectors that the launched one can have; daemons of before do not tell. */
  readonly open?: readonly { readonly entry: string; readonly spiffe_id: string }[]
}

const othersToo = ({ entry, spiffe_id }: NonNullable<Launched['open']>[number]) =>
  `the entry ${entry} of ${spiffe_id} is for every process that matches it (children): the program, and what it starts, can be that too`

function warningsOf(program: Program, user: User): string[] {
  const name = user.name ?? `uid ${user.uid}`
  const writable = changeableBy(user, program.code).map(
    path => `${name} can change ${path}: whatever runs under it is this agent from the next launch on`,
  )
  return [...program.warnings, ...writable, ...sameUser(user.uid, name), ...sharedTerminal(user.uid, name)]
}

const sameUser = (uid: number, name: string): string[] =>
  uid === process.getuid?.()
    ? [`it runs as ${name}, the user who launches it: this keeps honest programs apart and nothing more (see --user)`]
    : []

/** TIOCSTI puts characters into the input of a terminal, for whoever reads it next: ioctl_tty(2). */
const sharedTerminal = (uid: number, name: string): string[] =>
  uid !== process.getuid?.() && process.stdin.isTTY && legacyTiocsti()
    ? [
        `it shares your terminal, where ${name} can type in your name: give it other standard input, or sysctl dev.tty.legacy_tiocsti=0`,
      ]
    : []

function legacyTiocsti(): boolean {
  try {
    return readFileSync('/proc/sys/dev/tty/legacy_tiocsti', 'latin1').trim() !== '0'
  } catch {
    // Kernels before 6.2 cannot forbid it.
    return true
  }
}
