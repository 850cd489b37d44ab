import { LanyardError, type NodeEntry } from '@lanyard/api'
import { asLanyardError } from '../authority/codes.ts'
import type { PrivateFolder } from '../disk/private-folder.ts'
import { statOf } from '../peer/proc.ts'
import type { HeldProcess, Launches, Log } from '../ports.ts'
import { countedIn, type KeptLaunch, readKept, writeKept } from './kept.ts'

/** What a supervisor asks for: that a process which it has just started is the workload of an entry. */
export interface LaunchRequest {
  /** Id of an entry, or SPIFFE ID of the only one that has it. */
  readonly entry: string
  /** Of a child of the caller. */
  readonly pid: number
}

/** The supervisor, as the kernel tells. */
export interface Launcher {
  readonly process: HeldProcess
  /** Clock ticks since boot at which its connection was accepted: what it launches is younger. */
  readonly since: bigint
}

/** One launched main process that runs. */
export interface Launch {
  readonly entry: NodeEntry
  readonly process: HeldProcess
  /** Unix milliseconds. */
  readonly at: number
  /** Other entries that the process can match too, since they are for every process with their selectors. */
  readonly open: readonly NodeEntry[]
}

/** Launched main processes, and how they become that. */
export interface LaunchRegistry extends Launches {
  /**
   * Takes a process as the main process of an entry until it ends.
   *
   * @throws LanyardError `entry_unknown`, `entry_expired`, `launch_forbidden` (no child of the caller, or older than its
   * connection), `launch_taken`, `workload_gone`, `no_identity` (it will never match the entry)
   */
  launch(request: LaunchRequest, by: Launcher): Launch
  /** Those that run, oldest first. */
  running(): readonly { readonly entry: string; readonly pid: number; readonly at: number }[]
  /** Lets go of all; what is kept on disk stays. */
  close(): void
}

export interface LaunchOptions {
  /** The entries of this node at this moment. */
  readonly entries: () => Iterable<NodeEntry>
  /** Holds the process with this number; throws `workload_gone`. */
  readonly hold: (pid: number) => HeldProcess
  /** Those of these selectors that a process will never have, whatever it executes; throws `workload_gone`. */
  readonly neverOf: (process: HeldProcess, selectors: readonly string[]) => readonly string[]
  /** Where launches are kept, so that a restart of the daemon takes no identity away; null: nowhere. */
  readonly folder: PrivateFolder | null
  readonly log: Log
  /** Unix milliseconds. */
  readonly now: () => number
}

interface Running {
  readonly entry: string
  readonly process: HeldProcess
  readonly at: number
}

/** A registry of launches, with those of before a restart whose processes still run. Throws `permissions_too_wide`. */
export function createLaunches(options: LaunchOptions): LaunchRegistry {
  const registry = new Registry(options)
  registry.revive()
  return registry
}

class Registry implements LaunchRegistry {
  readonly #options: LaunchOptions
  /** By number: two processes cannot have one at a time. */
  readonly #running = new Map<number, Running>()
  readonly #countedIn: string

  constructor(options: LaunchOptions) {
    this.#options = options
    this.#countedIn = options.folder === null ? '' : countedIn()
  }

  entryOf({ pid, startTime }: HeldProcess): string | null {
    const found = this.#running.get(pid)
    return found && found.process.startTime === startTime && found.process.isAlive() ? found.entry : null
  }

  launch({ entry: named, pid }: LaunchRequest, by: Launcher): Launch {
    const entry = this.#entry(named)
    if (pid === by.process.pid) throw new LanyardError('launch_forbidden', 'expected a child of the caller, got itself')
    const process = this.#options.hold(pid)
    try {
      judgeKin(process, by)
      this.#makeRoom(entry)
      if (this.entryOf(process)) throw new LanyardError('launch_taken', `process ${pid} is launched already`)
      this.#judgeMatch(process, entry)
    } catch (error) {
      process.release()
      throw error
    }
    const at = this.#options.now()
    this.#add({ entry: entry.id, process, at })
    this.#keep()
    this.#options.log.info({ entry: entry.id, pid, uid: process.uid, by: by.process.uid }, 'workload launched')
    return { entry, process, at, open: this.#openTo(process, entry) }
  }

  #openTo(process: HeldProcess, launched: NodeEntry): NodeEntry[] {
    const { entries, neverOf } = this.#options
    return [...entries()].filter(
      entry =>
        entry.children &&
        entry.id !== launched.id &&
        entry.selectors.length > 0 &&
        neverOf(process, entry.selectors).length === 0,
    )
  }

  running() {
    return [...this.#running.values()]
      .filter(({ process }) => process.isAlive())
      .map(({ entry, process, at }) => ({ entry, pid: process.pid, at }))
  }

  close(): void {
    for (const { process } of this.#running.values()) process.release()
    this.#running.clear()
  }

  /** Takes those of before a restart whose very processes still run. */
  revive(): void {
    const { folder, hold, log } = this.#options
    if (folder === null) return
    for (const kept of readKept(folder, this.#countedIn)) {
      const process = heldAgain(kept, hold)
      if (process) this.#add({ entry: kept.entry, process, at: kept.at })
    }
    if (this.#running.size > 0) log.info({ launches: this.#running.size }, 'launches of before go on')
  }

  #entry(named: string): NodeEntry {
    const found = [...this.#options.entries()].filter(({ id, spiffe_id }) => id === named || spiffe_id === named)
    const [entry] = found
    if (!entry) throw new LanyardError('entry_unknown', `no entry ${named} is served on this node`)
    if (found.length > 1)
      throw new LanyardError('entry_unknown', `expected one entry, got ${found.map(({ id }) => id).join(', ')}`)
    if (entry.expires_at !== null && Date.parse(entry.expires_at) <= this.#options.now())
      throw new LanyardError('entry_expired', `it ended at ${entry.expires_at}`)
    return entry
  }

  /** Told to whoever launches, who can mend it: the program would only hear that it is nobody. */
  #judgeMatch(process: HeldProcess, { id, selectors }: NodeEntry): void {
    const missing = this.#options.neverOf(process, selectors)
    if (missing.length === 0) return
    const detail = `entry ${id} wants ${missing.join(', ')}, and this program runs as uid ${process.uid}, gid ${process.gid}`
    throw new LanyardError('no_identity', detail)
  }

  #makeRoom({ id, replicas }: NodeEntry): void {
    const others = this.running().filter(({ entry }) => entry === id)
    if (others.length < replicas) return
    const pids = others.map(({ pid }) => pid).join(', ')
    throw new LanyardError('launch_taken', `expected at most ${replicas} at a time, and there run ${pids}`)
  }

  #add(running: Running): void {
    const { process } = running
    this.#running.get(process.pid)?.process.release()
    this.#running.set(process.pid, running)
    process.onEnd(() => {
      if (this.#running.get(process.pid) !== running) return
      this.#running.delete(process.pid)
      process.release()
      this.#options.log.info({ entry: running.entry, pid: process.pid }, 'launched workload ended')
      this.#keep()
    })
  }

  /** A disk that is full takes no launch away, and none is refused for it: it is lost at a restart alone. */
  #keep(): void {
    const { folder, log } = this.#options
    if (folder === null) return
    const launches = [...this.#running.values()].map(({ entry, process: { pid, startTime, uid, gid }, at }) => ({
      pid,
      startTime: String(startTime),
      uid,
      gid,
      entry,
      at,
    }))
    try {
      writeKept(folder, this.#countedIn, launches)
    } catch (error) {
      const { code, message } = asLanyardError(error)
      log.warn({ code }, `launches are not on disk: ${message}`)
    }
  }
}

/** A launcher answers for what it has started itself just now, and for nothing that ran before. */
function judgeKin(process: HeldProcess, { process: launcher, since }: Launcher): void {
  const { pid } = process
  const kin = statOf(pid)
  // Asked after /proc was read: what was read is of the process that is held.
  if (!kin || !process.isAlive() || kin.startTime !== process.startTime)
    throw new LanyardError('workload_gone', `process ${pid} has ended`)
  if (kin.parent !== launcher.pid)
    throw new LanyardError('launch_forbidden', `expected a child of process ${launcher.pid}, got one of ${kin.parent}`)
  // Orphans become children of a subreaper: what an agent left behind is not what was launched.
  if (kin.startTime < since)
    throw new LanyardError('launch_forbidden', `process ${pid} is older than the connection that registers it`)
  if (!launcher.isAlive()) throw new LanyardError('workload_gone', 'who launches has ended')
}

function heldAgain(kept: KeptLaunch, hold: LaunchOptions['hold']): HeldProcess | null {
  try {
    const process = hold(kept.pid)
    const same = String(process.startTime) === kept.startTime && process.uid === kept.uid && process.gid === kept.gid
    if (same && process.isAlive()) return process
    process.release()
    return null
  } catch {
    return null
  }
}
