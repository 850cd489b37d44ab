import type { Stats } from 'node:fs'
import { lstat, realpath, stat } from 'node:fs/promises'
import { isIPv4, type Socket } from 'node:net'
import { dirname } from 'node:path'
import process from 'node:process'
import { codeOf, IdentityError } from '../errors.ts'
import type { Endpoint } from './address.ts'
import { peerUid } from './peer-uid.ts'

const GROUP_WRITES = 0o020
const OTHERS_WRITE = 0o002
const STICKY = 0o1000

/** Users who may serve: root, the own one, and those who were named. Null where there are no such numbers (Windows). */
export function trustedUids(named: readonly number[]): ReadonlySet<number> | null {
  const own = process.getuid?.()
  return own === undefined ? null : new Set([0, own, ...named])
}

/**
 * Where to connect, once it is clear that nobody but a trusted user can have put a socket there: whoever serves the
 * Workload API hands out keys, and says whom to believe.
 *
 * @throws IdentityError `workload_api_unreachable`, `workload_api_untrusted`
 */
export async function checkEndpoint(endpoint: Endpoint, uids: ReadonlySet<number> | null): Promise<Endpoint> {
  if (endpoint.kind === 'unix') return { kind: 'unix', path: await checkPath(endpoint.path, uids) }
  // Keys travel there in the clear.
  if (isLoopback(endpoint.host)) return endpoint
  throw new IdentityError('workload_api_untrusted', `expected tcp: on this machine alone, got ${endpoint.host}`)
}

/**
 * That a trusted user listens at the other end, where the kernel can be asked.
 *
 * @throws IdentityError `workload_api_untrusted`
 */
export function checkPeer(socket: Socket, endpoint: Endpoint, uids: ReadonlySet<number> | null): void {
  if (endpoint.kind !== 'unix' || uids === null) return
  const uid = peerUid(socket)
  if (uid !== null && !uids.has(uid)) throw untrusted(endpoint.path, `user ${uid} serves there`)
}

async function checkPath(path: string, uids: ReadonlySet<number> | null): Promise<string> {
  try {
    const real = await realpath(path)
    const socket = await stat(real)
    if (!socket.isSocket()) throw new IdentityError('workload_api_unreachable', `expected a socket at ${path}`)
    if (uids === null) return real
    for (const { uid } of [socket, await lstat(path)]) if (!uids.has(uid)) throw untrusted(path, `user ${uid} owns it`)
    // Of the path as it was given too: a link in it that others could change would lead to any socket of a trusted user.
    for (const folder of new Set([...foldersAbove(path), ...foldersAbove(real)])) await checkFolder(folder, path, uids)
    return real
  } catch (cause) {
    if (cause instanceof IdentityError) throw cause
    throw new IdentityError('workload_api_unreachable', `cannot find the socket ${path}: ${codeOf(cause)}`, { cause })
  }
}

function* foldersAbove(path: string): Generator<string> {
  for (let at = path; dirname(at) !== at; ) {
    at = dirname(at)
    yield at
  }
}

async function checkFolder(folder: string, path: string, uids: ReadonlySet<number>): Promise<void> {
  const [entry, target] = await Promise.all([lstat(folder), stat(folder)])
  for (const owner of [entry.uid, target.uid])
    if (!uids.has(owner)) throw untrusted(path, `user ${owner} owns ${folder}`)
  if (isOpenToOthers(target)) throw untrusted(path, `others may write to ${folder}`)
}

/** Whether somebody else than its owner can put another entry in the place of one in this folder. */
export function isOpenToOthers({ uid, gid, mode }: Pick<Stats, 'uid' | 'gid' | 'mode'>): boolean {
  // In a sticky folder only the owner of an entry can do that, and the owners are judged.
  if ((mode & STICKY) !== 0) return false
  // Many systems give each user a group of the same number with nobody else in it, and let it write.
  return (mode & OTHERS_WRITE) !== 0 || ((mode & GROUP_WRITES) !== 0 && gid !== uid)
}

const untrusted = (path: string, why: string) =>
  new IdentityError('workload_api_untrusted', `expected root, the own user or a trusted one to serve ${path}: ${why}`)

const isLoopback = (host: string) => (isIPv4(host) ? host.startsWith('127.') : host === '::1')
