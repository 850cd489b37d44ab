import { rmSync } from 'node:fs'
import type { Io } from '../io.ts'
import type { Place } from './connection.ts'
import { keptFile, readKept, writeKept } from './profile.ts'

/** Who has logged in, as `lanyard login` keeps it beside the profile. */
export interface Session {
  /** The authority that it is for, and no other. */
  readonly url: string
  /** Its root certificates, PEM. */
  readonly root: string
  /** Sent as `X-Lanyard-Tenant-Id`; null: none. */
  readonly tenant: string | null
  readonly issuer: string
  readonly client_id: string
  /** For whom the tokens are, as the authority said. */
  readonly audience: string
  /** Further authorities for the TLS certificate of the issuer, PEM; null: none. */
  readonly issuer_ca: string | null
  readonly access_token: string
  /** Unix milliseconds; null where the issuer did not say. */
  readonly expires_at: number | null
  /** Null: at its end one logs in again. */
  readonly refresh_token: string | null
}

type World = Pick<Io, 'env' | 'home'>
type Whose = Pick<Place, 'url' | 'ca' | 'profile'>

/** The file of the session of a profile. Throws {@link Misuse} for a name that could leave the folder. */
export const sessionFile = (io: World, profile: string): string => keptFile(io, 'sessions', profile)

/** The session of a profile with this authority, or null: a token goes to no other. Throws `permissions_too_wide`. */
export function readSession(io: World, { url, ca, profile }: Whose): Session | null {
  const session = readKept<Session>(sessionFile(io, profile), 'session', 'run `lanyard login` again')
  return session !== null && session.url === url.href && session.root === ca ? session : null
}

/** Keeps a session, 0600, in place of the one before. Gives its file. */
export function writeSession(io: World, profile: string, session: Session): string {
  const file = sessionFile(io, profile)
  writeKept(file, session)
  return file
}

export const removeSession = (io: World, profile: string): void => rmSync(sessionFile(io, profile), { force: true })
