import { createRequire } from 'node:module'
import { LanyardError } from '@lanyard/api'
import type koffi from 'koffi'

/** What a system call answered: its value, or the name of its error. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly errno: number; readonly name: string }

/** `struct ucred`, unix(7). */
export interface PeerCredentials {
  /** 0: a process that has no number in our namespace. */
  readonly pid: number
  readonly uid: number
  readonly gid: number
}

interface Libc {
  readonly errno: () => number
  readonly names: ReadonlyMap<number, string>
  readonly getsockopt: (fd: number, level: number, option: number, value: Uint8Array, length: Uint8Array) => number
  readonly poll: (fds: Uint8Array, count: number, timeout: number) => number
  readonly prctl: (option: number, ...more: [number, number, number, number]) => number
  readonly syscall: (number: number, pid: number, flags: number) => number
}

const SOL_SOCKET = 1
const SO_PEERCRED = 17
const SO_PEERPIDFD = 77
/** The same number on every architecture: it is younger than the common table of system calls. */
const SYS_pidfd_open = 434
const PR_CAP_AMBIENT = 47
const PR_CAP_AMBIENT_CLEAR_ALL = 4
const POLLIN = 1
const SIZE_OF_POLLFD = 8

let loaded: Libc | undefined

/**
 * Loaded when first needed, so that whoever merely imports the daemon, perhaps on another system, loads no foreign code.
 * Throws `attestation_failed`.
 */
function libc(): Libc {
  try {
    loaded ??= load(createRequire(import.meta.url)('koffi'))
    return loaded
  } catch (cause) {
    throw new LanyardError('attestation_failed', 'the C library cannot be called on this machine', {}, { cause })
  }
}

function load(ffi: typeof koffi): Libc {
  // The program itself rather than a library by name: Node has bound its C library already, whichever that is.
  const self = ffi.load(null)
  return {
    errno: () => ffi.errno(),
    names: new Map(Object.entries(ffi.os.errno).map(([name, number]) => [number, name])),
    getsockopt: self.func(
      'int getsockopt(int fd, int level, int option, _Out_ uint8_t *value, _Inout_ uint8_t *length)',
    ),
    poll: self.func('int poll(_Inout_ uint8_t *fds, unsigned long count, int timeout)'),
    prctl: self.func('int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)'),
    syscall: self.func('long syscall(long number, int pid, unsigned int flags)'),
  }
}

function failed(): Answer<never> {
  const errno = libc().errno()
  return { ok: false, errno, name: libc().names.get(errno) ?? `error ${errno}` }
}

/** Asks a socket for an option of `size` bytes. A shorter answer is none. */
function optionOf(fd: number, option: number, size: number): Answer<DataView> {
  const value = new Uint8Array(size)
  const length = new Uint8Array(new Uint32Array([size]).buffer)
  if (libc().getsockopt(fd, SOL_SOCKET, option, value, length) !== 0) return failed()
  if (new Uint32Array(length.buffer)[0] !== size) return { ok: false, errno: 0, name: 'short answer' }
  return { ok: true, value: new DataView(value.buffer) }
}

// All Linux that Node runs on is little-endian save s390x, hence the byte order of the machine and not a fixed one.
const LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/** Who had connected this socket, at that moment: unix(7), SO_PEERCRED. */
export function peerCredentials(fd: number): Answer<PeerCredentials> {
  const answer = optionOf(fd, SO_PEERCRED, 12)
  if (!answer.ok) return answer
  const view = answer.value
  return {
    ok: true,
    value: { pid: view.getInt32(0, LITTLE), uid: view.getUint32(4, LITTLE), gid: view.getUint32(8, LITTLE) },
  }
}

/** A descriptor of the process that had connected this socket: Linux 6.5. Whoever asks must close it. */
export function peerPidfd(fd: number): Answer<number> {
  const answer = optionOf(fd, SO_PEERPIDFD, 4)
  return answer.ok ? { ok: true, value: answer.value.getInt32(0, LITTLE) } : answer
}

/** A descriptor of the process that has this number now: pidfd_open(2), Linux 5.3. Whoever asks must close it. */
export function openPidfd(pid: number): Answer<number> {
  const fd = Number(libc().syscall(SYS_pidfd_open, pid, 0))
  return fd >= 0 ? { ok: true, value: fd } : failed()
}

/** Takes all ambient capabilities from this thread, and so from what it starts: capabilities(7). */
export function dropAmbientCapabilities(): boolean {
  return libc().prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) === 0
}

/** Nothing sends signals so fast. */
const MOST_INTERRUPTIONS = 1000

/**
 * Which of these processes have ended: a pidfd becomes readable when the last thread of its process has (pidfd_open(2)).
 * Null: it cannot be told at present.
 */
export function endedOf(pidfds: readonly number[]): readonly boolean[] | null {
  if (pidfds.length === 0) return []
  const polled = new Uint8Array(pidfds.length * SIZE_OF_POLLFD)
  const view = new DataView(polled.buffer)
  for (const [i, fd] of pidfds.entries()) {
    view.setInt32(i * SIZE_OF_POLLFD, fd, LITTLE)
    view.setInt16(i * SIZE_OF_POLLFD + 4, POLLIN, LITTLE)
  }
  // A signal interrupts it even when it does not wait, SIGCHLD of a child of ours for one: that says nothing of them.
  for (let tries = 0; libc().poll(polled, pidfds.length, 0) < 0; tries++) {
    const { name } = failed() as { readonly name: string }
    if (name !== 'EINTR' || tries === MOST_INTERRUPTIONS) return null
  }
  return pidfds.map((_, i) => view.getInt16(i * SIZE_OF_POLLFD + 6, LITTLE) !== 0)
}
