import { Agent } from 'node:https'
import { getCACertificates } from 'node:tls'
import * as openid from 'openid-client'
import { Refusal } from '../problem.ts'
import { exchange } from './exchange.ts'
import type { Session } from './session.ts'

/** An issuer as people log in at it. */
export type Issuer = Pick<Session, 'issuer' | 'client_id' | 'audience' | 'issuer_ca'>
export type Tokens = Pick<Session, 'access_token' | 'expires_at' | 'refresh_token'>

/** What a person does to log in (RFC 8628). */
export interface Device {
  readonly user_code: string
  readonly verification_uri: string
  /** The same with the code in it; null where the issuer gives none. */
  readonly verification_uri_complete: string | null
  /** Seconds. */
  readonly expires_in: number
}

/** The configuration of an issuer, by discovery. Throws `login_unavailable`, `server_unreachable`, `server_untrusted`. */
export async function discover({ issuer, client_id, issuer_ca }: Issuer): Promise<openid.Configuration> {
  const fetcher = fetchAt(issuer_ca)
  return await asked(issuer, () =>
    openid.discovery(new URL(issuer), client_id, { token_endpoint_auth_method: 'none' }, openid.None(), {
      [openid.customFetch]: fetcher,
    }),
  )
}

/**
 * Logs a person in by the device flow (RFC 8628): `show` tells them where to go, then the issuer is asked until they have
 * been there. Throws `login_unavailable` where the issuer has no such flow, `login_failed`.
 */
export async function logIn(
  at: Issuer,
  scopes: readonly string[],
  { show, stopped, now }: { show: (device: Device) => void; stopped: AbortSignal; now: () => number },
): Promise<Tokens> {
  const config = await discover(at)
  if (config.serverMetadata().device_authorization_endpoint === undefined)
    throw new Refusal({ code: 'login_unavailable', detail: `${at.issuer} offers no device authorization (RFC 8628)` })
  const wanted = { scope: scopes.join(' '), ...audienceOf(at) }
  const device = await asked(at.issuer, () => openid.initiateDeviceAuthorization(config, wanted))
  show(deviceOf(at.issuer, device))
  const tokens = await asked(at.issuer, () => polled(config, device, at, stopped))
  return tokensOf(tokens, null, now())
}

/** New tokens for a session. Throws `session_ended` when the issuer gives none any more. */
export async function refresh(session: Session, now: () => number): Promise<Tokens> {
  const { refresh_token } = session
  if (refresh_token === null) throw ended(session.issuer, 'it was given for a time that is over')
  const config = await discover(session)
  const tokens = await asked(session.issuer, () =>
    openid.refreshTokenGrant(config, refresh_token, audienceOf(session)).catch(error => {
      if (error instanceof openid.ResponseBodyError && error.error === 'invalid_grant')
        throw ended(session.issuer, error.error_description ?? error.error)
      throw error
    }),
  )
  return tokensOf(tokens, refresh_token, now())
}

/** Lets the issuer forget a session (RFC 7009), where it can; false: it offers no such thing. */
export async function revoke(session: Session): Promise<boolean> {
  const config = await discover(session)
  if (config.serverMetadata().revocation_endpoint === undefined) return false
  const token = session.refresh_token ?? session.access_token
  await asked(session.issuer, () => openid.tokenRevocation(config, token))
  return true
}

const ended = (issuer: string, detail: string) => new Refusal({ code: 'session_ended', detail: `${issuer}: ${detail}` })

/**
 * For whom the token shall be. RFC 8707 says `resource`, an absolute URI, and some issuers refuse one that they do not
 * know; `audience` is what others ask for, and what all the rest ignore.
 */
function audienceOf({ audience }: Issuer): Record<string, string> {
  return /^https:\/\//.test(audience) ? { audience, resource: audience } : { audience }
}

type DeviceReply = Awaited<ReturnType<typeof openid.initiateDeviceAuthorization>>

/** The page is opened by a person who is about to type a password: it must be one that TLS proves. */
function deviceOf(issuer: string, reply: DeviceReply): Device {
  const { user_code, verification_uri, verification_uri_complete = null, expires_in } = reply
  for (const uri of [verification_uri, verification_uri_complete])
    if (uri !== null && URL.parse(uri)?.protocol !== 'https:')
      throw failed(issuer, `expected an https page to log in at, got ${JSON.stringify(uri)}`)
  return { user_code, verification_uri, verification_uri_complete, expires_in }
}

/** Between two questions the library looks at no signal: whoever gives up does not wait for the next one. */
function polled(config: openid.Configuration, device: DeviceReply, at: Issuer, stopped: AbortSignal) {
  const given = Promise.withResolvers<never>()
  const giveUp = () => given.reject(failed(at.issuer, 'stopped before anybody had confirmed it'))
  if (stopped.aborted) giveUp()
  stopped.addEventListener('abort', giveUp, { once: true })
  const tokens = openid.pollDeviceAuthorizationGrant(config, device, audienceOf(at), { signal: stopped })
  tokens.catch(() => undefined)
  return Promise.race([tokens, given.promise]).finally(() => stopped.removeEventListener('abort', giveUp))
}

function tokensOf(
  reply: openid.TokenEndpointResponse & openid.TokenEndpointResponseHelpers,
  before: string | null,
  now: number,
): Tokens {
  const seconds = reply.expiresIn()
  return {
    access_token: reply.access_token,
    expires_at: seconds === undefined ? null : now + seconds * 1000,
    // An issuer that gives no new one means: go on with the old one (RFC 6749, 6).
    refresh_token: reply.refresh_token ?? before,
  }
}

const failed = (issuer: string, detail: string, cause?: unknown) =>
  new Refusal({ code: 'login_failed', detail: `${issuer}: ${detail}` }, { cause })

/** What an issuer refuses, and what it answers wrongly, as `login_failed`; refusals of our own stay what they are. */
async function asked<T>(issuer: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    const own = [error, (error as Error).cause].find(one => one instanceof Refusal)
    if (own) throw own
    throw failed(issuer, reasonOf(error as Error), error)
  }
}

function reasonOf(error: Error): string {
  if (error instanceof openid.ResponseBodyError) {
    const said = error.error_description
    return said === undefined ? error.error : `${error.error}: ${said}`
  }
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
  return `${error.message}${cause}`
}

/** Fetch over TLS of our own: no redirects, bounded replies, and the authorities of the system with those that were given. */
function fetchAt(issuerCa: string | null): openid.CustomFetch {
  const ca = issuerCa === null ? {} : { ca: [...getCACertificates('default'), issuerCa] }
  // Issuers of others may know no TLS 1.3.
  const agent = new Agent({ ...ca, minVersion: 'TLSv1.2', maxCachedSessions: 0 })
  return async (url, { method, headers, body }) => {
    const at = new URL(url)
    const text = body === undefined || body === null ? undefined : String(body)
    const reply = await exchange(agent, { method, url: at, headers, ...(text !== undefined && { body: text }) }).catch(
      error => {
        throw atIssuer(error)
      },
    )
    const empty = reply.body === '' || reply.status === 204
    return new Response(empty ? null : reply.body, {
      status: reply.status,
      headers: { 'content-type': reply.type },
    })
  }
}

/** `server_unreachable` and `server_untrusted` speak of the authority; here it is the issuer. */
function atIssuer(error: unknown): unknown {
  if (!(error instanceof Refusal)) return error
  const { code, detail } = error.problem
  const title = code === 'server_untrusted' ? 'The issuer does not prove who it is' : 'The issuer cannot be reached'
  const remedy =
    code === 'server_untrusted'
      ? 'Give the authority of its TLS certificate: lanyard login --ca-file FILE.'
      : 'Check the way to the issuer, then try again.'
  return new Refusal({ code, title, detail, remedy }, { cause: error })
}
