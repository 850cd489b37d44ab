import { userInfo } from 'node:os'

/**
 * The name of the user when it is one that people and their programs use, so that agents may run under it too; null for
 * an account that only serves a daemon and has no shell to log in with.
 */
export function sharedUser(): string | null {
  const { username, shell } = userInfo()
  return shell && !/\/(nologin|false|sync)$/.test(shell) ? username : null
}

export const SAME_USER =
  'whatever else runs under this user can read the keys of the authority and of every agent: one user isolates nothing'
