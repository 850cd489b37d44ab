import { closeSync } from 'node:fs'
import type { Socket } from 'node:net'
import { LanyardError } from '@lanyard/api'
import type { HeldProcess } from '../ports.ts'
import { openPidfd, peerCredentials, peerPidfd } from './native.ts'
import { pidfdFrom } from './pidfd.ts'
import { openStatus, ownerIn, procIsOurs, statOf } from './proc.ts'
import { Held } from './process.ts'

interface Owner {
  readonly uid: number
  readonly gid: number
}

interface WithHandle {
  readonly _handle?: { readonly fd?: number } | null
}

/** The descriptor of a connection. Node closes it under our hands when the peer goes away: then there is nobody to ask for. */
function descriptorOf(socket: Socket): number {
  const fd = (socket as unknown as WithHandle)._handle?.fd
  if (socket.destroyed || typeof fd !== 'number' || fd < 0)
    throw new LanyardError('workload_gone', 'expected an open connection, got one that has closed')
  return fd
}

/** Uid and gid as they are now, where nobody told them, and the start. Null: it has ended. */
function factsOf(pid: number, status: number, owner: Owner | null) {
  const { uid, gid } = owner ?? ownerIn(status) ?? {}
  const startTime = statOf(pid)?.startTime
  return uid === undefined || gid === undefined || startTime === undefined ? null : { uid, gid, startTime }
}

/** Null: it has ended, or is another user by now. Throws the system's error. */
function heldBy(pid: number, pidfd: number | null, owner: Owner | null): HeldProcess | null {
  const owned = pidfd === null ? [] : [pidfd]
  try {
    const status = openStatus(pid)
    if (status === null) return null
    owned.push(status)
    const facts = factsOf(pid, status, owner)
    if (!facts) return null
    const process = new Held({ pid, status, pidfd, ...facts })
    owned.length = 0
    // Only now is it proved that what was read by the number is about this process.
    return process.isAlive() ? process : null
  } finally {
    for (const fd of owned) closeSync(fd)
  }
}

/** Holds it, or gives its descriptor back. */
function held(pid: number, pidfd: number | null, owner: Owner | null): HeldProcess {
  let process: HeldProcess | null
  try {
    process = heldBy(pid, pidfd, owner)
  } catch (cause) {
    throw new LanyardError('attestation_failed', `/proc tells nothing about process ${pid}`, {}, { cause })
  }
  if (process) return process
  throw new LanyardError('workload_gone', `process ${pid} has ended, or is another user by now`)
}

/** Else we would read of another process of the same number. */
function requireOurProc(): void {
  if (procIsOurs()) return
  throw new LanyardError('attestation_failed', '/proc does not show the processes of this namespace')
}

/**
 * Holds the process that had connected a Unix socket: `SO_PEERCRED` says who, `SO_PEERPIDFD` gives a descriptor of it, which a
 * pid that was used again cannot fool. Before Linux 6.5 it is the process that has the pid now. Whoever asks must `release()` it.
 *
 * Ask in the turn in which the connection came. For a connection that was handed on, it is still who had connected it.
 * Throws `workload_gone`: it has ended, or has another uid or gid by now, or lives in a namespace that we do not see (pid 0).
 * Throws `attestation_failed`: the kernel gives no answer.
 */
export function processOfSocket(socket: Socket): HeldProcess {
  const fd = descriptorOf(socket)
  const peer = peerCredentials(fd)
  if (!peer.ok) throw new LanyardError('attestation_failed', `the connection does not tell its peer: ${peer.name}`)
  const { pid, uid, gid } = peer.value
  // Every process of a namespace beside or above ours is 0.
  if (pid <= 0)
    throw new LanyardError('workload_gone', 'expected a process of this namespace, got one that has no number here')
  requireOurProc()
  const own = pidfdFrom(peerPidfd(fd))
  return held(pid, own ?? pidfdFrom(openPidfd(pid)), { uid, gid })
}

/** The user at the other end of a Unix socket, which is asked for little; null: it has gone, or cannot be told. */
export function peerUser(socket: Socket): number | null {
  if (socket.destroyed) return null
  const peer = peerCredentials(descriptorOf(socket))
  return peer.ok ? peer.value.uid : null
}

/** The number of the process at the other end of a Unix socket; null: it has none here, or cannot be told. */
export function peerPid(socket: Socket): number | null {
  const peer = peerCredentials(descriptorOf(socket))
  return peer.ok && peer.value.pid > 0 ? peer.value.pid : null
}

/**
 * Holds the process that has this number now: for numbers that cannot have been used again meanwhile, as those of children
 * that nobody has waited for. Uid and gid are its effective ones. Throws as {@link processOfSocket}.
 */
export function processOfPid(pid: number): HeldProcess {
  if (!Number.isSafeInteger(pid) || pid <= 0 || pid > 0x7fff_ffff)
    throw new LanyardError('workload_gone', `expected the number of a process, got ${pid}`)
  requireOurProc()
  return held(pid, pidfdFrom(openPidfd(pid)), null)
}
