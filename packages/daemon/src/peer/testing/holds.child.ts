import { closeSync, openSync } from 'node:fs'
import { createServer } from 'node:net'
import type { HeldProcess } from '../../ports.ts'
import { processOfPid, processOfSocket } from '../index.ts'

/** Listens at the path that it is given, and writes for each connection who had made it, or why it cannot be told. */
const [path, mode] = process.argv.slice(2)

/** Opens files until no more can be, so that the next descriptor is refused. */
function exhaust(): number[] {
  const opened: number[] = []
  for (;;) {
    try {
      opened.push(openSync('/dev/null', 'r'))
    } catch {
      return opened
    }
  }
}

/** As a daemon that has served others before, and serves them on. */
function servedBefore(): HeldProcess | null {
  try {
    return processOfPid(process.pid)
  } catch {
    return null
  }
}
const other = servedBefore()

createServer(socket => {
  const taken = mode === 'exhausted' ? exhaust() : []
  let said: object
  try {
    const { pid, uid } = processOfSocket(socket)
    said = { pid, uid }
  } catch (error) {
    said = { code: (error as { code?: string }).code, detail: String(error) }
  }
  const during = other?.isAlive()
  for (const fd of taken) closeSync(fd)
  console.log(JSON.stringify({ ...said, other: [during, other?.isAlive()] }))
}).listen(path, () => console.log('ready'))
process.stdin.resume().on('end', () => process.exit(0))
