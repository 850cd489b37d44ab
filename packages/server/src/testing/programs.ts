import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { accessSync, constants, existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/** Where Debian and its kin keep programs that are in nobody's PATH. */
const ASIDE = '/usr/lib/postgresql'
/** Where they keep those that are in root's alone. */
const SYSTEM = '/usr/sbin'

/** The path of a server program; throws, saying how to get it. */
export function programOf(name: string): string {
  const versions = existsSync(ASIDE) ? readdirSync(ASIDE).toSorted((a, b) => Number(b) - Number(a)) : []
  const folders = [
    ...versions.map(version => join(ASIDE, version, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
    SYSTEM,
  ]
  const found = folders.map(folder => join(folder, name)).find(isProgram)
  if (found) return found
  throw new Error(`${name} is not installed: npm run services`)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** An account for programs that refuse to run as root; undefined for whoever is not root. */
export function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const accounts = readFileSync('/etc/passwd', 'utf8').split('\n')
  const line = ['postgres', 'nobody']
    .map(name => accounts.find(account => account.startsWith(`${name}:`)))
    .find(Boolean)
  if (line === undefined) throw new Error('expected an account named postgres or nobody')
  const [, , uid, gid] = line.split(':')
  return { uid: Number(uid), gid: Number(gid) }
}

/** A folder in memory where there is one: a sync costs nothing there, and durability is still asked for. */
export const fastFolder = (name: string): string => folderFor(name, existsSync('/dev/shm') ? '/dev/shm' : tmpdir())

export const folderFor = (name: string, within: string): string => mkdtempSync(join(within, `lanyard-${name}-`))

/**
 * A port that stays free for a while: below those that the system gives to whoever asks for any or connects somewhere,
 * of which one that was free may be taken before, or between, the starts of a program.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, firstGiven())
    const server = createServer().listen(port, '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') continue
      throw error
    }
    server.close()
    await once(server, 'close')
    return port
  }
}

/** The first port that the system gives by itself: ip(7). */
function firstGiven(): number {
  try {
    const [first] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1').split(/\s/)
    return Math.max(Number(first), 11_000)
  } catch {
    // The first of those that are nobody's (RFC 6335, 6), where the system does not say.
    return 49_152
  }
}

/**
 * Ends the program and removes its folder when standard input closes, so that nothing outlives the process that started
 * it; and ends with the program. It takes two below a shell, since an end of input ends a shell only between commands.
 */
const LEASH = `folder=$1; shift; exec 3<&0; "$@" </dev/null & program=$!
(cat <&3 >/dev/null; trap '' TERM; kill -TERM $program; sleep 0.5; kill -KILL $program; rm -rf "$folder") 2>/dev/null &
wait $program; kill $! 2>/dev/null`

export interface Leashed {
  readonly process: ChildProcess
  /** Whether the program has ended. */
  ended(): boolean
  /** Waits for an end that its owner brings about. */
  exited(): Promise<void>
}

/**
 * Starts a program that ends with this process, even if this process is killed, and then leaves no folder. It keeps no
 * event loop alive.
 */
export function leashed(
  folder: string,
  command: string,
  args: readonly string[],
  account: { uid: number; gid: number } | undefined,
): Leashed {
  const child = spawn('/bin/sh', ['-c', LEASH, 'leash', folder, command, ...args], {
    ...account,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.unref()
  ;(child.stdin as unknown as { unref(): void }).unref()
  const ended = () => child.exitCode !== null || child.signalCode !== null
  const exited = async () => {
    if (ended()) return
    child.ref()
    await once(child, 'exit')
    child.stdin!.destroy()
  }
  return {
    process: child,
    ended,
    exited,
  }
}

/** Tries until it succeeds, or the program has ended; a minute, for one that does neither. */
export async function eventually<T>(what: string, attempt: () => Promise<T>, gone: () => boolean): Promise<T> {
  const until = performance.now() + 60_000
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (performance.now() > until || gone()) throw new Error(`${what} did not come up`, { cause: error })
      await new Promise(resolve => setTimeout(resolve, 10))
    }
  }
}
