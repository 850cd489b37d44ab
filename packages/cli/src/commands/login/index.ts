import type { CallReply } from '../../client/client.ts'
import { clientFor, findPlace, type Place, WHERE } from '../../client/connection.ts'
import { rootsIn } from '../../client/fingerprint.ts'
import type { Device } from '../../client/openid.ts'
import { type Session, writeSession } from '../../client/session.ts'
import { command, type Invocation, type Outcome, text } from '../../command.ts'
import { readInput } from '../../files.ts'
import { card, duration, visible } from '../../layout.ts'
import { Misuse, Refusal } from '../../problem.ts'
import { type Identity, rowsOf } from '../identity-rows.ts'

const OPTIONS = {
  tenant: text('TENANT', 'The tenant that is meant where a command names none'),
  issuer: text('URL', 'Log in there, where the authority names several issuers'),
  'ca-file': text('FILE', 'Further authorities for the TLS certificate of the issuer, in PEM'),
  ...WHERE,
} as const

export const login = command({
  name: 'login',
  summary: 'Log in at the issuer that the authority names, with any browser, also one on another machine.',
  about:
    'Prints a page and a code; whoever confirms it there is logged in here (RFC 8628). The session is kept with the\nprofile, 0600, refreshed on use, and used by every command that is given no key. `lanyard logout` ends it.',
  operands: [],
  options: OPTIONS,
  examples: [
    { line: 'lanyard login', does: 'Later commands act as you, with the roles that you have.' },
    { line: 'lanyard login --tenant acme', does: 'At an issuer of acme, or to act in acme where you have several.' },
    {
      line: 'lanyard login --issuer https://login.example.com --ca-file corporate.pem',
      does: 'One of several issuers.',
    },
  ],
  run: invocation => runLogin(invocation as Invocation<typeof OPTIONS>),
})

async function runLogin({ options, io, json, emit, note }: Invocation<typeof OPTIONS>): Promise<Outcome> {
  const { tenant, issuer: wanted, 'ca-file': caFile, ...connection } = options
  const issuer_ca = caFile === undefined ? null : authoritiesIn(caFile)
  const place = await findPlace(connection, io)
  const query = { tenant }
  const found = choose((await clientFor(place).call('GET /v1/login', { query })).issuers, wanted, place)
  const { logIn } = await import('../../client/openid.ts')
  const { issuer, client_id, audience, scopes } = found
  const at = { issuer, client_id, audience, issuer_ca }
  const show = (device: Device) => {
    note(instruction(issuer, device))
    if (json) emit({ json: { event: 'confirm', issuer, ...device }, text: '' })
  }
  const tokens = await logIn(at, scopes, { show, stopped: io.stopped(), now: io.now })
  const session = { url: place.url.href, root: place.ca, tenant: tenant ?? null, ...at, ...tokens }
  return await keep(session, place, { io, note })
}

function authoritiesIn(file: string): string {
  const pem = Buffer.from(readInput(file, '--ca-file')).toString('latin1')
  if (rootsIn(pem).length === 0) throw new Misuse(`--ca-file: expected certificates in PEM in ${file}`)
  return pem
}

/** The one that is meant, of those that the authority names. */
function choose(issuers: CallReply<'GET /v1/login'>['issuers'], wanted: string | undefined, { url }: Place) {
  if (issuers.length === 0)
    throw new Refusal({ code: 'login_unavailable', detail: `${url.host} names no issuer at which people log in` })
  const known = issuers.map(({ issuer }) => issuer)
  const found = wanted === undefined ? issuers : issuers.filter(({ id, issuer }) => issuer === wanted || id === wanted)
  if (found.length === 1) return found[0]!
  if (wanted === undefined) throw new Misuse(`--issuer is missing: expected one of ${known.join(', ')}`)
  throw new Misuse(`--issuer: expected one of ${known.join(', ')}, got ${wanted}`, wanted, known)
}

function instruction(issuer: string, device: Device): string {
  const { user_code, verification_uri, verification_uri_complete, expires_in } = device
  return [
    `To log in at ${visible(issuer)}, open`,
    `  ${visible(verification_uri)}`,
    `and enter the code ${visible(user_code)}, within ${duration(expires_in)}.`,
    ...(verification_uri_complete === null ? [] : [`With the code in it: ${visible(verification_uri_complete)}`]),
  ].join('\n')
}

/**
 * Keeps the session once the authority has taken its token. One that has no role here is kept too: as soon as an admin
 * gives one, it counts.
 */
async function keep(session: Session, place: Place, { io, note }: Pick<Invocation, 'io' | 'note'>): Promise<Outcome> {
  const bearer = session.access_token
  const api = clientFor(place, { bearer, tenant: session.tenant ?? undefined })
  let who: Identity
  try {
    who = await api.call('GET /v1/whoami', {})
  } catch (error) {
    if (error instanceof Refusal && error.problem.code === 'principal_unbound')
      note(`logged in, kept in ${writeSession(io, place.profile, session)}`)
    throw error
  }
  const file = writeSession(io, place.profile, session)
  if (io.env.LANYARD_API_KEY) note('LANYARD_API_KEY is set, and goes before this session: unset it to act as yourself')
  const { issuer, tenant } = session
  return {
    json: {
      issuer,
      tenant,
      profile: place.profile,
      session_file: file,
      refreshes: session.refresh_token !== null,
      whoami: who,
    },
    text: paint => card([[paint.good('logged in'), issuer], ...rowsOf(who), ['kept in', file]], paint),
  }
}
