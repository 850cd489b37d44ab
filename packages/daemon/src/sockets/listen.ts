import { once } from 'node:events'
import { accessSync, chmodSync, constants, lstatSync, mkdirSync, rmSync } from 'node:fs'
import { connect, type Server } from 'node:net'
import { dirname } from 'node:path'
import process from 'node:process'
import { LanyardError } from '@lanyard/api'
import { requireFolder } from './endpoint.ts'

/** sun_path of unix(7), without its final zero. */
export const LONGEST_PATH = 107
/** Connections that wait to be taken. Beyond it connect(2) fails at once, so all workloads of a node must fit. */
const BACKLOG = 4096

/**
 * Asks all that can be asked of the path of a socket before anybody listens there: whoever would fail for it afterwards has
 * spent by then what works once. Throws `socket_unusable`, `permissions_too_wide`.
 */
export async function requireListenable(path: string): Promise<void> {
  await explaining(path, async () => {
    requireShort(path)
    requireFolder(path)
    accessSync(dirname(path), constants.W_OK | constants.X_OK)
    await requireUnserved(path)
  })
}

/**
 * Lets a server listen on a Unix socket that nobody else can use before it has `mode`. A socket that nobody serves any more
 * makes way. Throws `socket_unusable`.
 */
export async function listenPrivately(server: Server, path: string, mode: number): Promise<void> {
  await explaining(path, async () => {
    requireShort(path)
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
    await makeWay(path)
    const failed = once(server, 'listening')
    // The file is made within listen(): a chmod afterwards would leave a moment in which others connect.
    const before = process.umask(0o177)
    try {
      server.listen({ path, backlog: BACKLOG })
    } finally {
      process.umask(before)
    }
    await failed
    if (mode !== 0o600) chmodSync(path, mode)
  })
}

async function explaining(path: string, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (error instanceof LanyardError) throw error
    const reason = (error as NodeJS.ErrnoException).code ?? 'it cannot be used'
    throw new LanyardError('socket_unusable', `${path}: ${reason}`, {}, { cause: error })
  }
}

function requireShort(path: string): void {
  if (Buffer.byteLength(path) > LONGEST_PATH)
    throw new LanyardError('socket_unusable', `expected at most ${LONGEST_PATH} bytes, got ${path}`)
}

async function makeWay(path: string): Promise<void> {
  if (await requireUnserved(path)) rmSync(path, { force: true })
}

/** Whether there is a socket that nobody serves. */
async function requireUnserved(path: string): Promise<boolean> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found) return false
  if (!found.isSocket()) throw new LanyardError('socket_unusable', `${path}: expected a socket or nothing`)
  if (await answers(path)) throw new LanyardError('socket_unusable', `${path}: another daemon serves it`)
  return true
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
