import { LanyardError, type Tier } from '@lanyard/api'
import {
  type Crypto,
  jwkFromSpki,
  jwkThumbprint,
  MAX_TOKEN_BYTES,
  type PublicKeyInfo,
  parseCsr,
  type Signer,
  SpiffeId,
  signJwtSvid,
  signWitSvid,
  verifyCsr,
} from '@lanyard/protocol'
import { requireKeyType } from '../key-policy.ts'
import type { Found } from './find.ts'
import type { SignedToken } from './record-token.ts'

/** A key that signs tokens, by its name in their headers. */
export interface TokenSigner {
  readonly kid: string
  readonly signer: Signer
}

/** What tokens are made with. */
export interface TokenPorts {
  readonly crypto: Crypto
  readonly authorities: {
    svidSigner(): TokenSigner
    witSigner(): TokenSigner
  }
}

/** What a token is made of. */
export interface Ready extends Found {
  readonly jti: string
  readonly tier: Tier
  /** Unix seconds. */
  readonly issuedAt: number
  readonly expiresAt: number
}

/** A token that waits for its record, and what its event tells of it. */
export interface MadeToken extends Pick<SignedToken, 'type' | 'keyThumbprint'> {
  readonly token: string
  readonly told: Readonly<Record<string, unknown>>
}

/** Asks the policies about a token that is bound to this key, or to none, before it is signed. */
export type Allow = (key: Pick<PublicKeyInfo, 'type' | 'bits'> | null) => Promise<void>

/** A JWT-SVID. Throws `audience_invalid`, and what `allow` throws. */
export async function makeJwt(
  { authorities }: TokenPorts,
  ready: Ready,
  asked: readonly string[],
  allow: Allow,
): Promise<MadeToken> {
  const audience = [...new Set(asked)]
  requireAudience(audience)
  await allow(null)
  const { kid, signer } = authorities.svidSigner()
  const token = await signJwtSvid({ ...inputOf(ready), kid, audience }, signer)
  if (token.length > MAX_TOKEN_BYTES)
    throw new LanyardError('audience_invalid', `expected shorter audiences: the token has ${token.length} bytes`)
  return { token, type: 'jwt.issued', keyThumbprint: null, told: { audience } }
}

/**
 * A WIT-SVID for the key of a CSR. Throws `key_type_forbidden`, what is wrong with the CSR, and what `allow` throws.
 */
export async function makeWit(
  { crypto, authorities }: TokenPorts,
  ready: Ready,
  csr: Uint8Array,
  allow: Allow,
): Promise<MadeToken> {
  const unverified = parseCsr(csr)
  requireKeyType(ready.subject.tenant.keyPolicy, unverified.publicKey)
  requireTokenKey(unverified.publicKey)
  const { der: spki } = verifyCsr(unverified, crypto)
  await allow(unverified.publicKey)
  const keyThumbprint = jwkThumbprint(jwkFromSpki(spki), crypto)
  const { kid, signer } = authorities.witSigner()
  const token = await signWitSvid({ ...inputOf(ready), kid, spki }, signer)
  return { token, type: 'wit.issued', keyThumbprint, told: { key: keyThumbprint } }
}

const inputOf = ({ subject: { agent, lineage }, jti, issuedAt, expiresAt }: Ready) => ({
  id: SpiffeId.parse(agent.spiffeId),
  issuedAt,
  expiresAt,
  claims: { jti, inc: lineage.incarnation, lin: lineage.id },
})

/** Tokens for ourselves name `lanyard:…` as their audience: no workload gets one that passes for them. */
function requireAudience(audience: readonly string[]): void {
  const own = audience.find(name => name.toLowerCase().startsWith('lanyard:'))
  if (own !== undefined) throw new LanyardError('audience_invalid', `expected an audience that is not ours, got ${own}`)
}

/** None of the nine algorithms of SVID tokens is that of an Ed25519 key. */
function requireTokenKey({ type, oid }: PublicKeyInfo): void {
  const allowed = ['RSA', 'P-256', 'P-384']
  if (type !== null && allowed.includes(type)) return
  const got = type ?? `OID ${oid}`
  throw new LanyardError('key_type_forbidden', `a WIT-SVID binds ${allowed.join(', ')}, got ${got}`, { got, allowed })
}
