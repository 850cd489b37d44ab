import { readFileSync } from 'node:fs'
import { LanyardError } from '@lanyard/api'
import { statusOf } from '../../peer/proc.ts'
import type { Attestor, HeldProcess } from '../../ports.ts'
import { within } from '../deadline.ts'
import { selectors } from '../selector.ts'
import { Turns } from '../turns.ts'
import { Accounts } from './accounts.ts'
import { executableOf, stillRuns } from './executable.ts'
import { Hashes } from './hash.ts'

export interface UnixSettings {
  /** Executables larger than this have no `sha256`, in bytes; 0: none has. 256 MiB by default. */
  readonly maxHashBytes?: number | undefined
  /** Where names of users stand; `/etc/passwd` by default. */
  readonly passwd?: string | undefined
  /** Where names of groups stand; `/etc/group` by default. */
  readonly group?: string | undefined
}

const MAX_HASH_BYTES = 256 << 20
/** What the kernel says for every user and group that has no number in our namespace of users: user_namespaces(7). */
const OVERFLOW = 65_534

/** Whether numbers of users mean what they mean on the machine: in a namespace of users many people are {@link OVERFLOW}. */
function seesEveryUser(): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'))
}

/** Who a process is on the machine, and what it executes. */
export function unixAttestor(settings: UnixSettings = {}): Attestor {
  const users = new Accounts(settings.passwd ?? '/etc/passwd')
  const groups = new Accounts(settings.group ?? '/etc/group')
  const hashes = new Hashes(settings.maxHashBytes ?? MAX_HASH_BYTES)
  const turns = new Turns()
  const isSomebody = seesEveryUser() ? () => true : (id: number) => id !== OVERFLOW

  function ownersOf({ pid, uid, gid }: HeldProcess) {
    const status = statusOf(pid)
    if (!status) throw new LanyardError('workload_gone', `process ${pid} has ended`)
    const [uids, gids] = [[uid].filter(isSomebody), [gid].filter(isSomebody)]
    const supplementary = status.groups.filter(isSomebody)
    return {
      uid: uids.map(String),
      user: uids.flatMap(id => users.nameOf(id)),
      gid: gids.map(String),
      group: gids.flatMap(id => groups.nameOf(id)),
      supplementary_gid: supplementary.map(String),
      supplementary_group: supplementary.flatMap(id => groups.nameOf(id)),
    }
  }

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
