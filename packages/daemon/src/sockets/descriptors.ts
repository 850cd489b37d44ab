import { readFileSync } from 'node:fs'

/** Of each socket's connection: the connection, its process, and a descriptor of that; a relayed one has a peer besides. */
const PER_CONNECTION = 4
/** What the process needs itself: the authority, its files, its listeners. */
const OWN = 128
/** Sockets that share what is left: the Workload API, and that of the keys. */
const SOCKETS = 2
/** One user has one of so many. */
const SHARES = 2

export interface Affordable {
  readonly connections: number
  readonly connectionsPerUid: number
}

/**
 * So many connections, or as many as a process with these descriptors can hold: whoever opens all that there are would keep
 * everybody else out, and the daemon from its own files.
 */
export function affordable(wanted: Affordable, descriptors = mostDescriptors()): Affordable {
  const room = Math.max(SHARES, Math.floor((descriptors - OWN) / PER_CONNECTION / SOCKETS))
  return {
    connections: Math.min(wanted.connections, room),
    connectionsPerUid: Math.min(wanted.connectionsPerUid, Math.floor(room / SHARES)),
  }
}

/** RLIMIT_NOFILE, proc(5); infinite where it cannot be read. */
function mostDescriptors(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
