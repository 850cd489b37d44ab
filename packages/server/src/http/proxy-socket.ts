import { once } from 'node:events'
import { chmodSync, lstatSync, realpathSync, rmSync } from 'node:fs'
import { connect, type Server } from 'node:net'
import { dirname } from 'node:path'
import process from 'node:process'
import { LanyardError } from '@lanyard/api'

/** sun_path of unix(7), without its final zero. */
const LONGEST_PATH = 107
/** Its owner and its group connect, nobody else. */
const MODE = 0o660
const WRITABLE_BY_OTHERS = 0o022
const STICKY = 0o1000

/**
 * Lets a server listen at a Unix socket for a proxy. Whoever can open it is believed, so nobody else may be able to put
 * another one in its place, or open it before it has its mode. A socket that nobody serves any more makes way. Throws
 * `socket_unusable`, `permissions_too_wide`.
 */
export async function listenForProxy(server: Server, path: string): Promise<void> {
  try {
    requirePath(path)
    requireTrustedFolder(dirname(path))
    await makeWay(path)
    const listening = once(server, 'listening')
    // The file is made within listen(): a chmod afterwards would leave a moment in which others connect.
    const before = process.umask(0o177)
    try {
      server.listen({ path })
    } finally {
      process.umask(before)
    }
    await listening
    chmodSync(path, MODE)
  } catch (error) {
    if (error instanceof LanyardError) throw error
    const reason = (error as NodeJS.ErrnoException).code ?? 'it cannot be used'
    throw unusable(`${path}: ${reason}`, error)
  }
}

function requirePath(path: string): void {
  if (!path.startsWith('/')) throw unusable(`expected a path from / on, got ${path}`)
  if (Buffer.byteLength(path) > LONGEST_PATH) throw unusable(`expected at most ${LONGEST_PATH} bytes, got ${path}`)
}

/** Nobody but us and root can rename anything on the way to it. */
function requireTrustedFolder(folder: string): void {
  const whole = realpathSync(folder)
  for (let at = whole; ; at = dirname(at)) {
    const { uid, mode } = lstatSync(at)
    if (uid !== 0 && uid !== process.geteuid?.())
      throw wide(`${at} belongs to user ${uid}, who could put another socket there`)
    // In a folder such as /tmp everybody makes files, and renames no others.
    const forgiven = at !== whole && (mode & STICKY) !== 0
    if ((mode & WRITABLE_BY_OTHERS) !== 0 && !forgiven)
      throw wide(`expected ${at} to be writable by its owner alone, got mode ${(mode & 0o7777).toString(8)}`)
    if (at === dirname(at)) return
  }
}

async function makeWay(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found) return
  if (!found.isSocket()) throw unusable(`${path}: expected a socket or nothing`)
  if (await answers(path)) throw unusable(`${path}: another server serves it`)
  rmSync(path, { force: true })
}

function answers(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', error => resolve((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED'))
  })
}

const unusable = (detail: string, cause?: unknown) => new LanyardError('socket_unusable', detail, {}, { cause })
const wide = (detail: string) => new LanyardError('permissions_too_wide', detail)
