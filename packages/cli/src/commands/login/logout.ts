import { findPlace, WHERE } from '../../client/connection.ts'
import { readSession, removeSession, type Session } from '../../client/session.ts'
import { command, type Invocation } from '../../command.ts'
import { visible } from '../../layout.ts'

export const logout = command({
  name: 'logout',
  summary: 'End the session of `lanyard login`, here and at the issuer.',
  about:
    'The file is removed in any case. An issuer that can is asked to forget the session (RFC 7009); a token that somebody\nhas copied counts until it ends: a kill by `--minted-by principal:ID` ends what it opened, at once.',
  operands: [],
  options: WHERE,
  examples: [{ line: 'lanyard logout', does: 'Later commands need a key, or another login.' }],
  run: async ({ options, io, note }) => {
    const place = await findPlace(options, io)
    const session = readSession(io, place)
    if (session === null) return { json: { logged_out: false, revoked: false }, text: 'nobody is logged in' }
    removeSession(io, place.profile)
    const revoked = await forgotten(session, note)
    const where = `at ${visible(session.issuer)}`
    return {
      json: { logged_out: true, revoked },
      text: paint =>
        `${paint.good('logged out')} ${revoked ? `here and ${where}` : `here; the session ${where} goes on until it ends`}`,
    }
  },
})

/** Whoever wants to be rid of a session shall not be kept in it by an issuer that is away. */
async function forgotten(session: Session, note: Invocation['note']): Promise<boolean> {
  const { revoke } = await import('../../client/openid.ts')
  try {
    return await revoke(session)
  } catch (error) {
    note(`the issuer was not told: ${visible((error as Error).message)}`)
    return false
  }
}
