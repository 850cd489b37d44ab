import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Io } from '../../io.ts'
import { SAME_USER, sharedUser } from '../../same-user.ts'
import { type Finding, finding } from './checks.ts'

/** What can be seen of the data folder without opening the store. */
export function checkData(folder: string): Finding[] {
  const stats = statSync(folder, { throwIfNoEntry: false })
  if (!stats) return [finding('data_folder_private', 'skipped', `there is no ${folder} here`)]
  const names = readdirSync(folder)
  const wide = [folder, ...names.map(name => join(folder, name))].filter(isWide)
  return [
    wide.length === 0
      ? finding('data_folder_private', 'ok', folder)
      : finding('data_folder_private', 'failed', `others can enter or read ${wide.join(', ')}`),
    names.includes('wrapping.key')
      ? finding(
          'keys_sealed',
          'warning',
          `unsealed: the key that wraps all others lies in ${join(folder, 'wrapping.key')}`,
        )
      : finding('keys_sealed', 'ok', 'no wrapping key lies beside the store'),
    names.includes('admin.key')
      ? finding('admin_key_kept', 'warning', `the first admin key is still in ${join(folder, 'admin.key')}`)
      : finding('admin_key_kept', 'ok', 'no admin key lies in the data folder'),
    checkUser(stats.uid),
  ]
}

function checkUser(owner: number): Finding {
  const user = sharedUser()
  if (owner !== process.getuid?.()) return finding('user_separate', 'ok', 'the data folder belongs to another user')
  if (user === null) return finding('user_separate', 'ok', 'this user has no shell to log in with')
  return finding('user_separate', 'warning', `you are ${user}, and so is the authority: ${SAME_USER}`)
}

/** The file that LANYARD_PASSPHRASE_FILE names. */
export function checkPassphraseFile({ env }: Pick<Io, 'env'>): Finding[] {
  const file = env.LANYARD_PASSPHRASE_FILE
  if (!file) return []
  if (!statSync(file, { throwIfNoEntry: false }))
    return [finding('passphrase_file_private', 'failed', `there is no ${file}`)]
  return [
    isWide(file)
      ? finding('passphrase_file_private', 'failed', `others can read ${file}`)
      : finding('passphrase_file_private', 'ok', file),
  ]
}

/** A socket holds nothing to read, and who may connect is decided by the folder. */
function isWide(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats !== undefined && !stats.isSocket() && (stats.mode & 0o077) !== 0
}
