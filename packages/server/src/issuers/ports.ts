/** Whose tokens are expected, and of which kind. */
export interface TokenSource {
  /** Compared letter by letter with `iss`. */
  readonly issuer: string
  /** Null: by discovery. */
  readonly jwksUri: string | null
  /** One of these must be in `aud`, and no other. */
  readonly audiences: readonly string[]
  readonly algorithms: readonly string[]
  readonly maxTokenAgeSec: number
  /** When this was configured so, Unix milliseconds: keys that were read before are read again. */
  readonly changedAt?: number
  /** The tenant that configured it; null: whoever administers all. */
  readonly owner: string | null
}

/** A token whose signature, issuer, audience and times were proved. */
export interface VerifiedToken {
  readonly claims: Readonly<Record<string, unknown>>
  /** Hex SHA-256 of what was signed. */
  readonly hash: string
  /** Unix milliseconds. */
  readonly issuedAt: number
  readonly expiresAt: number
  /** When the token itself ends, where its authorization server said so: an answer is believed for less. */
  readonly saidToEndAt?: number
}

/** Hears of each step of a verification, for `lanyard idp test`. Never gets the token. */
export type Explain = (step: string, ok: boolean, detail: string) => void

export interface Introspector {
  readonly url: string
  readonly clientId: string
  readonly clientSecret: string | null
}

/** Tokens of others, and the keys for them. */
export interface Issuers {
  /** `iss` of a token, believed in nothing; null for what is no JWT. */
  issuerIn(token: string): string | null
  /** The same. Throws `external_token_invalid`, and says what is wrong with it. */
  requireIssuerIn(token: string): string
  /**
   * Verifies a JWT. Throws `external_token_invalid`, `external_token_expired` (both with times where these are the
   * reason), `idp_unreachable`, `idp_address_forbidden`.
   */
  verify(token: string, source: TokenSource, explain?: Explain): Promise<VerifiedToken>
  /**
   * Asks about an opaque token (RFC 7662); an answer is believed for 30 seconds at most, and never longer than the
   * token lives. Throws `unauthenticated` for one that is not active, `introspection_failed`.
   */
  introspect(token: string, introspector: Introspector): Promise<VerifiedToken>
  /** Whether a URL may be asked at all, before it is stored. Throws `idp_address_forbidden`. */
  requireAddress(url: string): Promise<void>
}

/** The value of a claim by its name or by a JSON Pointer (RFC 6901); undefined where there is none. */
export type ClaimAt = (claims: Readonly<Record<string, unknown>>, path: string) => unknown
