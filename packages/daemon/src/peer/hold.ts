import { closeSync } from 'node:fs'
import type { Socket } from 'node:net'
import { LanyardError } from '@lanyard/api'
import type { HeldProcess } from '../ports.ts'
import { type Answer, openPidfd, peerCredentials, peerPidfd } from './native.ts'
import { procIsOurs, statOf, statusOf } from './proc.ts'
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

/** Kernels before 6.5 do not know the option; those before 5.3 do not know the call. Every other error is an error. */
const UNKNOWN_TO_KERNEL = new Set(['ENOPROTOOPT', 'ENOSYS'])
/** No such process any more: which of these it is depends on the kernel's version. */
const GONE = new Set(['ESRCH', 'EINVAL', 'ENODATA'])

/**
 * The descriptor of a process; null where the kernel knows none. Want of descriptors must not lead to the weaker way, or who
 * opens many connections could choose it.
 */
function pidfdFrom(answer: Answer<number>): number | null {
  if (answer.ok) return answer.value
  if (UNKNOWN_TO_KERNEL.has(answer.name)) return null
  if (GONE.has(answer.name)) throw new LanyardError('workload_gone', 'the process has ended')
  throw new LanyardError('attestation_failed', `no descriptor of the process can be had: ${answer.name}`)
}

/** Uid and gid as they are now, where nobody told them, and the start. Null: it has ended. Throws `attestation_failed`. */
function factsOf(pid: number, owner?: Owner): (Owner & { readonly startTime: bigint }) | null {
  // Else we would read of another process of this number.
  if (!procIsOurs()) throw new LanyardError('attestation_failed', '/proc does not show the processes of this namespace')
  try {
    const [stat, { uid, gid } = {}] = [statOf(pid), owner ?? statusOf(pid) ?? undefined]
    return stat && uid !== undefined && gid !== undefined ? { uid, gid, startTime: stat.startTime } : null
  } catch (cause) {
    throw new LanyardError('attestation_failed', `/proc tells nothing about process ${pid}`, {}, { cause })
  }
}

/** Holds it, or gives the descriptor back. */
function held(pid: number, pidfd: number | null, owner?: Owner): HeldProcess {
  let kept = false
  try {
    const facts = factsOf(pid, owner)
    const process = facts && new Held({ pid, pidfd, ...facts })
    kept = process !== null
    if (process?.isAlive()) return process
    process?.release()
  } finally {
    if (!kept && pidfd !== null) closeSync(pidfd)
  }
  throw new LanyardError('workload_gone', `process ${pid} has ended, or is another user by now`)
}

/**
 * Holds the process that had connected a Unix socket: `SO_PEERCRED` says who, `SO_PEERPIDFD` gives a descriptor of it, which a
 * pid that was used again cannot fool. Before Linux 6.5 the start time stands in. Whoever asks must `release()` it.
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
  const own = pidfdFrom(peerPidfd(fd))
  return held(pid, own ?? pidfdFrom(openPidfd(pid)), { uid, gid })
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
  return held(pid, pidfdFrom(openPidfd(pid)))
}
