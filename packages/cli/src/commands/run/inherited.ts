import { closeSync, readdirSync, readFileSync } from 'node:fs'
import { refuse } from '../../problem.ts'

const STANDARD = 2
/** O_CLOEXEC: proc(5), fdinfo. */
const CLOSED_BY_EXEC = 0o2_000_000

/**
 * Closes what whoever started us has left open, perhaps a file that only they may read: programs under another user would
 * have it too. Our own descriptors are closed by exec(2), all of them.
 */
export function closeInherited(): void {
  for (const name of readdirSync('/proc/self/fd')) {
    const fd = Number(name)
    if (fd > STANDARD && !isClosedByExec(fd)) closeSync(fd)
  }
}

function isClosedByExec(fd: number): boolean {
  try {
    const [, flags] = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? []
    return flags === undefined || (Number.parseInt(flags, 8) & CLOSED_BY_EXEC) !== 0
  } catch {
    // By which the folder was read.
    return true
  }
}

/**
 * Lets go of ambient capabilities, as systemd gives them to a supervisor that is not root: they outlive setuid(2) to another
 * user and exec(2), so that an agent could become anybody. Throws `launch_forbidden`.
 */
export async function dropAmbient(): Promise<void> {
  if (!hasAmbient()) return
  const { dropAmbientCapabilities } = await import('@lanyard/daemon')
  dropAmbientCapabilities()
  if (hasAmbient()) throw refuse('launch_forbidden', 'ambient capabilities would be those of the program, too')
}

const hasAmbient = (): boolean => /^CapAmb:\s*0*[1-9a-f]/m.test(readFileSync('/proc/self/status', 'latin1'))
