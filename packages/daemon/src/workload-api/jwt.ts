import { create, type JsonObject } from '@bufbuild/protobuf'
import type { HandlerContext } from '@connectrpc/connect'
import {
  bundleSource,
  type Follower,
  type JwtClaims,
  SpiffeId,
  tokenCredentialOf,
  verifyJwtSvid,
} from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import {
  JWTBundlesResponseSchema,
  type JWTSVIDRequest,
  type JWTSVIDResponse,
  JWTSVIDResponseSchema,
  type ValidateJWTSVIDRequest,
  type ValidateJWTSVIDResponse,
  ValidateJWTSVIDResponseSchema,
} from '../../gen/workload_pb.js'
import { callerOf } from '../grpc/caller.ts'
import { invalidError, readRequest } from '../grpc/refusal.ts'
import type { Bundles, Time, Workloads } from '../ports.ts'
import { byTrustDomain, keySetOf } from './bundles.ts'
import { uniqueHints } from './hints.ts'
import { bundlesOf, changesOf } from './states.ts'

/** What is known of who is dead. */
export interface KnownDeaths {
  readonly deaths: Pick<Follower['deaths'], 'judge'>
  readonly template: Follower['template']
}

/** The JWT-SVID profile. Tokens of those in `deaths` are not valid. */
export const jwtProfile = (workloads: Workloads, time: Time, deaths: KnownDeaths | null = null) => ({
  async fetchJWTSVID(request: JWTSVIDRequest, context: HandlerContext): Promise<JWTSVIDResponse> {
    const { audience, spiffeId } = request
    if (audience.length === 0 || audience.includes(''))
      throw invalidError('audience_invalid', 'expected one audience at least, none of them empty')
    const tokens = await workloads.jwtSvids(callerOf(context), audience, requestedId(spiffeId))
    const unique = uniqueHints()
    return create(JWTSVIDResponseSchema, {
      svids: tokens.map(({ id, token, hint }) => ({ spiffeId: id.toString(), svid: token, hint: unique(hint) })),
    })
  },
  fetchJWTBundles: (_request: object, context: HandlerContext) =>
    changesOf(JWTBundlesResponseSchema, bundleResponses(bundlesOf(workloads, callerOf(context), context.signal))),
  async validateJWTSVID(request: ValidateJWTSVIDRequest, context: HandlerContext): Promise<ValidateJWTSVIDResponse> {
    const { audience, svid } = request
    if (audience === '' || svid === '') throw invalidError('body_invalid', 'expected an audience and an SVID')
    const bundles = await workloads.bundlesFor(callerOf(context))
    return validated(svid, audience, { bundles, time, deaths })
  },
})

/** The SPIFFE ID that a caller asked for; null: it did not ask for a certain one. */
export function requestedId(text: string): SpiffeId | null {
  return text === '' ? null : readRequest(() => SpiffeId.parse(text))
}

async function* bundleResponses(states: AsyncIterable<Bundles>) {
  const write = (bundle: Bundles['own']) => new TextEncoder().encode(keySetOf(bundle, 'jwt-svid'))
  for await (const bundles of states) yield create(JWTBundlesResponseSchema, { bundles: byTrustDomain(bundles, write) })
}

interface Validation {
  readonly bundles: Bundles
  readonly time: Time
  readonly deaths: KnownDeaths | null
}

function validated(token: string, audience: string, { bundles, time, deaths }: Validation): ValidateJWTSVIDResponse {
  const source = bundleSource(bundles.own, ...bundles.federated.values())
  const at = Math.floor(time.now() / 1000)
  const request = { token, audience, bundles: source, at }
  const { id, claims } = readRequest(() => verifyJwtSvid(request, nodeCrypto))
  const ours = id.trustDomain.equals(bundles.own.trustDomain)
  // The feed of deaths is that of our own trust domain: it says nothing of others.
  if (ours && deaths !== null) requireLiving(id, claims, deaths)
  return create(ValidateJWTSVIDResponseSchema, { spiffeId: id.toString(), claims: told(claims, ours) })
}

/** A token outlives its agent by minutes; whoever has it validated here hears of the death at once. */
function requireLiving(id: SpiffeId, claims: JwtClaims, { deaths, template }: KnownDeaths): void {
  const verdict = deaths.judge(tokenCredentialOf(id, template?.namesIn(id)?.tenant ?? null, claims))
  if (verdict !== 'alive') throw invalidError('peer_dead', `the identity in this token was taken away: ${verdict}`)
}

// What another trust domain says of its own beyond the standard, our workloads must not take for words of ours.
function told(claims: JwtClaims, ours: boolean): JsonObject {
  const aud = [claims.aud ?? []].flat()
  return (ours ? { ...claims, aud } : { sub: claims.sub, exp: claims.exp, aud }) as JsonObject
}
