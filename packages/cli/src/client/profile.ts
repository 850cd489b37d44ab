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

type Home = Pick<Io, 'env' | 'home'>

/** The file of a profile. Throws {@link Misuse} for a name that could leave the folder. */
export const profileFile = (io: Home, name: string): string => keptFile(io, 'profiles', name)

/** Where something is kept for a profile, by the name of that. Throws {@link Misuse} for a name that could leave the folder. */
export function keptFile(io: Home, folder: 'profiles' | 'sessions', name: string): string {
  if (!/^[a-z0-9][a-z0-9._-]{0,62}$/.test(name))
    throw new Misuse(`the profile ${JSON.stringify(name)} has a name with other characters than a-z, 0-9, . _ -`)
  const base = io.env.XDG_CONFIG_HOME || join(io.home, '.config')
  return join(base, 'lanyard', folder, `${name}.json`)
}

/** A profile, or null when there is none of this name. Throws `permissions_too_wide`. */
export const readProfile = (io: Home, name: string): Profile | null =>
  readKept(profileFile(io, name), 'profile', 'run `lanyard bootstrap` again')

/** What lies in a file that only its owner reads, or null when there is none. Throws `permissions_too_wide`. */
export function readKept<T>(file: string, what: string, remedy: string): T | null {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode
  if (mode === undefined) return null
  // It may hold an API key or a token.
  if ((mode & 0o077) !== 0)
    throw refuse('permissions_too_wide', `${file}: expected mode 600, got ${(mode & 0o777).toString(8)}`)
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    throw new Misuse(`the ${what} ${file} cannot be read: ${remedy}`)
  }
}

export function writeProfile(io: Home, name: string, profile: Profile): string {
  const path = profileFile(io, name)
  writeKept(path, profile)
  return path
}

/** Writes a file that only its owner reads. */
export const writeKept = (path: string, content: object): void =>
  writeFiles([{ path, content: `${JSON.stringify(content, null, 2)}\n`, mode: 0o600 }])
