import { readFileSync } from 'node:fs'
import { LanyardError } from '@lanyard/api'
import { statusOf } from '../../peer/proc.ts'
import type { HeldProcess } from '../../ports.ts'
import { Accounts } from './accounts.ts'

export interface OwnerSettings {
  /** Where names of users stand; `/etc/passwd` by default. */
  readonly passwd?: string | undefined
  /** Where names of groups stand; `/etc/group` by default. */
  readonly group?: string | undefined
}

/** What the kernel says for every user and group that has no number in our namespace of users: user_namespaces(7). */
const OVERFLOW = 65_534

/** Whether numbers of users mean what they mean on the machine: in a namespace of users many people are {@link OVERFLOW}. */
function seesEveryUser(): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'))
}

/** Kinds of selectors that a process keeps whatever it executes: one of another user is another process to whoever holds it. */
const KEPT = ['uid', 'user', 'gid', 'group'] as const

/** Whose a process is, by number and name. Throws `workload_gone`. */
export function owners(settings: OwnerSettings = {}) {
  const users = new Accounts(settings.passwd ?? '/etc/passwd')
  const groups = new Accounts(settings.group ?? '/etc/group')
  const isSomebody = seesEveryUser() ? () => true : (id: number) => id !== OVERFLOW
  return ({ pid, uid, gid }: HeldProcess) => {
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
}

/**
 * Those of an entry's selectors that a process will never have, whatever it executes. What it gives throws `workload_gone`.
 *
 * @param settings `null`: nobody looks at users and groups, so that no process has any of these selectors
 */
export function lasting(settings: OwnerSettings | null = {}) {
  const ownersOf = settings && owners(settings)
  return (process: HeldProcess, selectors: readonly string[]): readonly string[] => {
    const found = ownersOf?.(process)
    const isMissing = (kind: (typeof KEPT)[number], value: string) => !found?.[kind].includes(value)
    return selectors.filter(selector =>
      KEPT.some(kind => {
        const prefix = `unix:${kind}:`
        return selector.startsWith(prefix) && isMissing(kind, selector.slice(prefix.length))
      }),
    )
  }
}
