import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { writeFiles } from '../files.ts'
import type { Io } from '../io.ts'
import { Misuse, refuse } from '../problem.ts'

/** An authority that the user trusts, as `lanyard bootstrap` keeps it. */
export interface Profile {
  readonly url: string
  readonly root_sha256: string
  /** PEM. */
  readonly root: string
  readonly api_key?: string
}

export const DEFAULT_PROFILE = 'default'

/** The file of a profile. Throws {@link Misuse} for a name that could leave the folder. */
export function profileFile(io: Pick<Io, 'env' | 'home'>, name: string): string {
  if (!/^[a-z0-9][a-z0-9._-]{0,62}$/.test(name))
    throw new Misuse(`the profile ${JSON.stringify(name)} has a name with other characters than a-z, 0-9, . _ -`)
  const base = io.env.XDG_CONFIG_HOME || join(io.home, '.config')
  return join(base, 'lanyard', 'profiles', `${name}.json`)
}

/** A profile, or null when there is none of this name. Throws `permissions_too_wide`. */
export function readProfile(io: Pick<Io, 'env' | 'home'>, name: string): Profile | null {
  const file = profileFile(io, name)
  const mode = statSync(file, { throwIfNoEntry: false })?.mode
  if (mode === undefined) return null
  // It may hold an API key.
  if ((mode & 0o077) !== 0)
    throw refuse('permissions_too_wide', `${file}: expected mode 600, got ${(mode & 0o777).toString(8)}`)
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    throw new Misuse(`the profile ${file} cannot be read: run \`lanyard bootstrap\` again`)
  }
}

export function writeProfile(io: Pick<Io, 'env' | 'home'>, name: string, profile: Profile): string {
  const path = profileFile(io, name)
  writeFiles([{ path, content: `${JSON.stringify(profile, null, 2)}\n`, mode: 0o600 }])
  return path
}
