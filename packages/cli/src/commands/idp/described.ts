import type { CallInput } from '../../client/client.ts'
import { choice, list, number, type Outcome, text, type Values } from '../../command.ts'
import { defined } from '../../defined.ts'
import { card, duration, visible } from '../../layout.ts'
import { Misuse } from '../../problem.ts'
import { EXTERNAL_ALGORITHMS, TIERS, YES_NO } from '../choices.ts'
import type { Idp } from './find.ts'

/** What an identity provider is judged by: options of `idp add` and `idp update`. */
export const DESCRIBED = {
  audience: list('TEXT', 'One of these must stand in `aud` of a token, and no further one'),
  'jwks-uri': text('URL', 'Where its keys are; `none`: as its discovery document says'),
  algorithm: list(EXTERNAL_ALGORITHMS.join('|'), 'What it may sign with; RS256 and ES256 where not given'),
  'agent-claim': text(
    'CLAIM',
    'The claim that names the agent: a name, or a JSON Pointer such as /a/b; `sub` by default',
  ),
  require: list(
    'CLAIM=VALUE',
    'A claim that must have this value; several times: one of them; CLAIM:=JSON for no text; !CLAIM must not be there',
  ),
  'max-age': number('SEC', 'Seconds since a token was made; 3600 where not given'),
  tier: choice(TIERS, 'Of agents that it brings; those that are there keep theirs'),
  enabled: choice(YES_NO, 'Whether it counts at all; yes where not given'),
  'allow-agent-federation': choice(YES_NO, 'Whether it vouches for agents: then nobody else does; no where not given'),
} as const

type Described = Values<typeof DESCRIBED>
/** Settings as the calls take them. */
export type Settings = CallInput<'PATCH /v1/tenants/{tenant}/idps/{id}'>['body']

/** The settings that are given. Throws {@link Misuse}. */
export function describedBy(options: Described): Settings {
  const jwks = options['jwks-uri']
  const claim = options['agent-claim']
  return defined({
    audiences: options.audience && [...options.audience],
    jwks_uri: jwks === 'none' ? null : jwks,
    algorithms: options.algorithm?.map(algorithmOf),
    claim_mapping: claim === undefined ? undefined : { agentId: claim },
    required_claims: options.require && claimsOf(options.require),
    max_token_age_sec: options['max-age'],
    tier: options.tier,
    enabled: truth(options.enabled),
    allow_agent_federation: truth(options['allow-agent-federation']),
  }) as Settings
}

/** What `yes` and `no` mean; undefined for what is not given. */
export const truth = (given: 'yes' | 'no' | undefined): boolean | undefined =>
  given === undefined ? undefined : given === 'yes'

/** One of the algorithms that tokens of others may be signed with. Throws {@link Misuse}. */
export function algorithmOf(written: string): (typeof EXTERNAL_ALGORITHMS)[number] {
  const found = EXTERNAL_ALGORITHMS.find(name => name === written)
  if (found) return found
  throw new Misuse(
    `--algorithm: expected ${EXTERNAL_ALGORITHMS.join(', ')}, got ${JSON.stringify(written)}`,
    written,
    EXTERNAL_ALGORITHMS,
  )
}

type ClaimValue = string | number | boolean

/**
 * `repository_owner=acme` as text, `email_verified:=true` as JSON, `!uid` for one that must not be there. A claim that is
 * named again may have either value.
 */
export function claimsOf(written: readonly string[]): Record<string, ClaimValue | ClaimValue[] | null> {
  const absent = written.flatMap(one => /^!([^=]+)$/s.exec(one)?.[1] ?? [])
  const claims = valuesOf(written.filter(one => !/^![^=]+$/s.test(one)))
  const both = absent.find(claim => claims.has(claim))
  if (both !== undefined) throw new Misuse(`--require: ${JSON.stringify(both)} is to have a value, and not to be there`)
  return Object.fromEntries([
    ...absent.map(claim => [claim, null] as const),
    ...[...claims].map(([claim, values]) => [claim, values.length === 1 ? values[0]! : values] as const),
  ])
}

function valuesOf(written: readonly string[]): Map<string, ClaimValue[]> {
  const claims = new Map<string, ClaimValue[]>()
  for (const one of written) {
    const [, claim, colon, value] = /^(.+?)(:?)=(.*)$/s.exec(one) ?? []
    if (claim === undefined || value === undefined)
      throw new Misuse(`--require: expected CLAIM=VALUE, CLAIM:=JSON or !CLAIM, got ${JSON.stringify(one)}`)
    claims.set(claim, [...(claims.get(claim) ?? []), colon === ':' ? jsonOf(one, value) : value])
  }
  return claims
}

function jsonOf(written: string, value: string): ClaimValue {
  try {
    const parsed: unknown = JSON.parse(value)
    if (['string', 'number', 'boolean'].includes(typeof parsed)) return parsed as ClaimValue
  } catch {
    // Told below, as for JSON of another kind.
  }
  throw new Misuse(`--require: expected a number, true, false or a "text" after :=, got ${JSON.stringify(written)}`)
}

/** An identity provider on a card. */
export const shown = (idp: Idp): Outcome => ({
  json: idp,
  text: paint =>
    card(
      [
        ['provider', idp.id],
        ['issuer', idp.issuer],
        ['keys', idp.jwks_uri ?? 'as its discovery document says'],
        ['audiences', idp.audiences.join(', ')],
        ['signs with', idp.algorithms.join(', ')],
        ['agent is', `claim ${idp.claim_mapping.agentId}, of tier ${idp.tier} if it is new`],
        ...Object.entries(idp.required_claims).map(
          ([claim, value], at) => [at === 0 ? 'requires' : '', requirement(claim, value)] as const,
        ),
        ['token age', `at most ${duration(idp.max_token_age_sec)}`],
        ['for agents', vouches(idp)],
        ['made by', idp.created_by],
        ['changed by', `${idp.updated_by}, ${idp.updated_at}`],
      ],
      paint,
    ),
})

function requirement(claim: string, value: unknown): string {
  if (value === null) return `no ${claim}`
  return `${claim} = ${[value]
    .flat()
    .map(one => JSON.stringify(one))
    .join(' or ')}`
}

/** Whether it vouches for agents, and what that means for everybody else. */
export function vouches({ enabled, allow_agent_federation, tenant }: Idp): string {
  if (!enabled) return 'no: it is disabled'
  return allow_agent_federation ? `yes: the authority mints none for ${visible(tenant)}` : 'no'
}
