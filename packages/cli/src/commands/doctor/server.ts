import { Certificate } from '@lanyard/protocol'
import type { ApiClient } from '../../client/client.ts'
import { clientFor, type Place } from '../../client/connection.ts'
import { rootsIn } from '../../client/fingerprint.ts'
import { acceptsGroup, acceptsTls12, resumes, shownChain } from '../../client/tls-probe.ts'
import { duration, rfc3339 } from '../../layout.ts'
import type { Identity } from '../identity-rows.ts'
import { type CheckCode, type Finding, finding } from './checks.ts'

const HYBRID = 'X25519MLKEM768'
const SKEW_MS = 10_000
const DAY = 86_400
/** Renewed at half of 24 hours, replaced at half of seven days: half an hour later something is wrong. */
const LEAST_LEFT = { server_certificate: 11.5 * 3600, intermediate_age: 3.4 * DAY, root_age: 365 * DAY } as const

/** What can be seen of the authority from outside, with the API key or the session if there is one. */
export async function checkServer(place: Place, now: () => number): Promise<Finding[]> {
  const api = clientFor(place, place.manager ?? {})
  const reachable = await checkReachable(api, place.url)
  if (reachable.status !== 'ok') return [reachable]
  const groups = await Promise.all([
    checkReady(api),
    checkClock(api, now),
    checkTls(place.url),
    checkChain(place, now() / 1000),
    place.manager === null ? [] : checkKey(api, now()),
  ])
  return [reachable, ...groups.flat()]
}

async function checkReachable(api: ApiClient, url: URL): Promise<Finding> {
  try {
    await api.call('GET /healthz', {})
    return finding('server_reachable', 'ok', `${url.host} proves itself under the root`)
  } catch (error) {
    return finding('server_reachable', 'failed', (error as Error).message)
  }
}

async function checkReady(api: ApiClient): Promise<Finding> {
  try {
    await api.call('GET /readyz', {})
    return finding('server_ready', 'ok', 'it records and signs')
  } catch (error) {
    return finding('server_ready', 'failed', (error as Error).message)
  }
}

async function checkClock(api: ApiClient, now: () => number): Promise<Finding> {
  const ahead = await api.clockAhead(now)
  if (ahead === null) return finding('clock_skew', 'skipped', 'the authority does not say its time')
  const apart = Math.abs(ahead)
  const told = apart < 1000 ? 'the same' : `${duration(apart / 1000)} ${ahead > 0 ? 'ahead of' : 'behind'} this one`
  return finding('clock_skew', apart <= SKEW_MS ? 'ok' : 'failed', `the clock of the authority is ${told}`)
}

async function checkTls(url: URL): Promise<Finding[]> {
  const [old, resumed, hybrid] = await Promise.all([acceptsTls12(url), resumes(url), acceptsGroup(url, HYBRID)])
  return [
    finding('tls_13_only', old ? 'failed' : 'ok', old ? 'TLS 1.2 is accepted' : 'TLS 1.3 alone'),
    finding(
      'tls_no_resumption',
      resumed ? 'failed' : 'ok',
      resumed ? 'it answers on resumed sessions' : 'no resumption',
    ),
    finding('tls_post_quantum', hybrid ? 'ok' : 'warning', `${HYBRID} is ${hybrid ? '' : 'not '}accepted`),
  ]
}

async function checkChain(place: Place, now: number): Promise<Finding[]> {
  const [leaf, ...above] = (await shownChain(place.url)).map(der => Certificate.fromDer(der))
  const root = Certificate.fromDer(
    Buffer.from(rootsIn(place.ca)[0]!.pem.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64'),
  )
  const intermediate = above.find(certificate => !certificate.equals(root))
  return [
    ...(leaf ? [checkLeft('server_certificate', leaf, now)] : []),
    ...(intermediate ? [checkLeft('intermediate_age', intermediate, now)] : []),
    checkLeft('root_age', root, now),
  ]
}

function checkLeft(code: keyof typeof LEAST_LEFT & CheckCode, { notAfter }: Certificate, now: number): Finding {
  const left = notAfter + 1 - now
  const until = rfc3339(notAfter * 1000)
  if (left <= 0) return finding(code, 'failed', `it ended at ${until}`)
  return finding(code, left < LEAST_LEFT[code] ? 'warning' : 'ok', `${duration(left)} left, until ${until}`)
}

async function checkKey(api: ApiClient, now: number): Promise<Finding[]> {
  try {
    return [judgeKey(await api.call('GET /v1/whoami', {}), now)]
  } catch (error) {
    return [finding('api_key_narrow', 'failed', (error as Error).message)]
  }
}

/** A session is refreshed as it is used: how long its token lasts says nothing. */
function judgeKey({ kind, role, tenant, grants, expires_at }: Identity, now: number): Finding {
  const roles = kind === 'principal' ? grants : [{ role, tenant }]
  const wide = roles.some(grant => grant.role === 'admin' && grant.tenant === null)
  const told = roles.map(grant => `role ${grant.role} of ${whereText(grant.tenant)}`).join(', ')
  if (kind === 'principal') return finding('api_key_narrow', wide ? 'warning' : 'ok', `logged in, with ${told}`)
  const left = (Date.parse(expires_at) - now) / 1000
  return finding('api_key_narrow', wide || left < 7 * DAY ? 'warning' : 'ok', `${told}, ${duration(left)} left`)
}

const whereText = (tenant: string | null): string => (tenant === null ? 'every tenant' : `tenant ${tenant}`)
