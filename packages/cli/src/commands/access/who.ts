import type { ApiClient, CallReply } from '../../client/client.ts'
import { text } from '../../command.ts'
import { Misuse, refuse } from '../../problem.ts'
import { BINDEE_KINDS } from '../choices.ts'

/** Whom a role is given to, as the command line names them. */
export const WHO = {
  name: 'WHO',
  about: 'user:SUBJECT, group:NAME, spiffe-id:ID, certificate:dn:CN=…, certificate:dns|uri|email:…',
} as const

export const ISSUER_OPTION = {
  issuer: text('ISSUER', 'Of a user or group: the id of the issuer, or its URL; needed where there are several'),
} as const

type Kind = (typeof BINDEE_KINDS)[number]
export interface Who<K extends string = Kind> {
  readonly kind: K
  readonly value: string
}

/** `user:ada`, `spiffe://…`, with `api-key:ID` where that makes sense. Throws {@link Misuse}. */
export function parseWho<K extends string = never>(written: string, also: readonly K[] = []): Who<Kind | K> {
  // An ID of an agent says itself what it is.
  if (written.startsWith('spiffe://')) return { kind: 'spiffe-id', value: written }
  const kinds: readonly (Kind | K)[] = [...BINDEE_KINDS, ...also]
  const colon = written.indexOf(':')
  const kind = kinds.find(name => name === written.slice(0, colon))
  const value = written.slice(colon + 1)
  if (kind !== undefined && value !== '') return { kind, value }
  const forms = kinds.map(name => `${name}:…`)
  throw new Misuse(`expected ${forms.join(', ')}, got ${JSON.stringify(written)}`, written, forms)
}

export type Issuer = CallReply<'GET /v1/access/issuers'>['items'][number]

/** The id of an issuer that is named by its id or its URL. Throws `issuer_unknown`; {@link Misuse} where two have this URL. */
export async function issuerOf(api: ApiClient, written: string): Promise<string> {
  if (!/^https:/.test(written)) return written
  const found = (await allIssuers(api)).filter(({ issuer }) => issuer === written)
  if (found.length === 1) return found[0]!.id
  if (found.length === 0) throw refuse('issuer_unknown', `no issuer ${written} is configured`)
  throw new Misuse(`${written} is the issuer of several: give one of the ids ${found.map(({ id }) => id).join(', ')}`)
}

/** With whom an issuer goes: users and groups are somebody's; where there is one issuer, it is theirs. */
export async function withIssuer<K extends string>(
  api: ApiClient,
  who: Who<K>,
  written: string | undefined,
): Promise<Who<K> & { readonly issuer?: string }> {
  if (who.kind !== 'user' && who.kind !== 'group') {
    if (written === undefined) return who
    throw new Misuse(`--issuer goes with user:… and group:… alone, not with ${who.kind}:…`)
  }
  if (written !== undefined) return { ...who, issuer: await issuerOf(api, written) }
  const issuers = await allIssuers(api)
  if (issuers.length === 1) return { ...who, issuer: issuers[0]!.id }
  if (issuers.length === 0)
    throw refuse('issuer_unknown', 'no issuer is configured: lanyard access issuer add, before users and groups')
  throw new Misuse(`--issuer is missing: expected one of ${issuers.map(({ issuer }) => issuer).join(', ')}`)
}

const allIssuers = async (api: ApiClient): Promise<readonly Issuer[]> =>
  (await api.call('GET /v1/access/issuers', { query: { limit: 500 } })).items
