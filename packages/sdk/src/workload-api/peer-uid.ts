import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import { endianness } from 'node:os'
import process from 'node:process'

/** Linux: `getsockopt(fd, SOL_SOCKET, SO_PEERCRED)` gives pid, uid and gid, four bytes each. */
const SOL_SOCKET = 1
const SO_PEERCRED = 17

type GetSockOpt = (fd: number, level: number, name: number, value: Uint8Array, length: Uint32Array) => number

let loaded: GetSockOpt | null | undefined

/** Node cannot ask the kernel this; `koffi` can, where the program has it. */
function getSockOpt(): GetSockOpt | null {
  if (loaded !== undefined) return loaded
  loaded = null
  if (process.platform !== 'linux') return loaded
  try {
    const koffi = createRequire(import.meta.url)('koffi')
    loaded = koffi.load(null).func('int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint32_t *)') as GetSockOpt
  } catch {
    // Not installed: who owns the socket and its folders is all that is known.
  }
  return loaded
}

/** The user who listens at the other end of a Unix socket; null where this cannot be asked. */
export function peerUid(socket: Socket): number | null {
  const ask = getSockOpt()
  const fd = (socket as { readonly _handle?: { readonly fd?: number } })._handle?.fd ?? -1
  if (ask === null || fd < 0) return null
  const credentials = new Uint8Array(12)
  const length = Uint32Array.of(12)
  if (ask(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) !== 0 || length[0] !== 12) return null
  return new DataView(credentials.buffer).getUint32(4, endianness() === 'LE')
}
