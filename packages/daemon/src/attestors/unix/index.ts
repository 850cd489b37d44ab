import type { Attestor, HeldProcess } from '../../ports.ts'
import { within } from '../deadline.ts'
import { selectors } from '../selector.ts'
import { Turns } from '../turns.ts'
import { executableOf, stillRuns } from './executable.ts'
import { Hashes } from './hash.ts'
import { type OwnerSettings, owners } from './owners.ts'

export interface UnixSettings extends OwnerSettings {
  /** Executables larger than this have no `sha256`, in bytes; 0: none has. 256 MiB by default. */
  readonly maxHashBytes?: number | undefined
}

const MAX_HASH_BYTES = 256 << 20

/** Who a process is on the machine, and what it executes. */
export function unixAttestor(settings: UnixSettings = {}): Attestor {
  const ownersOf = owners(settings)
  const hashes = new Hashes(settings.maxHashBytes ?? MAX_HASH_BYTES)
  const turns = new Turns()

  async function programOf({ pid }: HeldProcess) {
    const executable = await executableOf(pid)
    if (!executable) return {}
    // Who serves a file system may show the daemon another file than the one that he executes.
    const sha256 = executable.kernelServed ? await hashes.ofProcess(pid, executable.stat) : []
    await stillRuns(pid, executable)
    return { path: [executable.path], sha256 }
  }

  return {
    name: 'unix',
    async examine(process) {
      const owners = ownersOf(process)
      const program = await within(
        turns.take(process.uid, () => programOf(process)),
        'the file of the executable',
      )
      return { selectors: selectors('unix', { ...owners, ...program }), mainOf: null }
    },
  }
}
