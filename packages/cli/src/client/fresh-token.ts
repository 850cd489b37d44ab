import type { Io } from '../io.ts'
import { refuse } from '../problem.ts'
import { alone } from './alone.ts'
import type { Place } from './connection.ts'
import { readSession, type Session, sessionFile, writeSession } from './session.ts'

/** A token that ends sooner is not worth sending. */
const LEAST_LEFT_MS = 30_000

/**
 * The access token of the session of a profile, refreshed where it is about to end. One process refreshes at a time: an
 * issuer that gives a new refresh token with each answer takes a second use of the old one for theft, and ends all.
 *
 * @throws Refusal `session_ended`, `server_unreachable`, `login_failed`
 */
export async function freshToken(
  io: Pick<Io, 'env' | 'home' | 'now'>,
  place: Pick<Place, 'url' | 'ca' | 'profile'>,
): Promise<string> {
  const read = (): Session => {
    const session = readSession(io, place)
    if (session === null) throw refuse('session_ended', 'expected a session, somebody has logged out')
    return session
  }
  const isFresh = ({ expires_at }: Session) => expires_at === null || expires_at - io.now() > LEAST_LEFT_MS
  const session = read()
  if (isFresh(session)) return session.access_token
  return await alone(`${sessionFile(io, place.profile)}.lock`, async () => {
    const now = read()
    if (isFresh(now)) return now.access_token
    const { refresh } = await import('./openid.ts')
    const renewed = { ...now, ...(await refresh(now, io.now)) }
    writeSession(io, place.profile, renewed)
    return renewed.access_token
  })
}
