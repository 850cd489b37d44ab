import { ProtocolError } from '../errors.ts'
import { MAX_SPIFFE_ID_BYTES, MAX_TRUST_DOMAIN_BYTES, SpiffeId, type TrustDomain } from './id.ts'

/** Longest name of a tenant or agent in bytes. */
export const MAX_NAME_BYTES = 63
/** The template of a trust domain whose owner chose none. */
export const DEFAULT_ID_TEMPLATE = '/tenant/{tenant}/agent/{agent}'
/** First path segments that no agent may have: ours (servers, feeds, receipts) and SPIRE's. */
export const RESERVED_FIRST_SEGMENTS: readonly string[] = ['lanyard', 'spire']

/** The form of the name of a tenant or agent; the API and the authority judge by the same one. */
export const NAME_PATTERN = /^[a-z0-9][a-z0-9._-]{0,62}$/

const PLACEHOLDERS = ['{tenant}', '{agent}'] as const

/**
 * The name of a tenant or an agent. Names stand in SPIFFE IDs as they are: those with other characters are refused and
 * never escaped, since SPIFFE knows no percent-encoding. The first character keeps `.` and `..` out.
 *
 * @throws ProtocolError `name_invalid`
 */
export function parseName(name: string): string {
  if (typeof name !== 'string' || !NAME_PATTERN.test(name))
    throw new ProtocolError('name_invalid', `expected a name of the form ${NAME_PATTERN.source}`)
  return name
}

/** How one trust domain writes tenant and agent into SPIFFE IDs: chosen once, then fixed. */
export class IdTemplate {
  readonly #segments: readonly string[]

  private constructor(segments: readonly string[]) {
    this.#segments = segments
  }

  /**
   * A template from its text. `{tenant}` and `{agent}` stand exactly once, each as a whole segment, so two different
   * pairs can never render to one ID.
   *
   * @throws ProtocolError `id_template_invalid`
   */
  static parse(text: string): IdTemplate {
    if (!text.startsWith('/')) throw invalid('expected a path that starts with a slash')
    const segments = text.slice(1).split('/')
    for (const placeholder of PLACEHOLDERS) {
      const count = segments.filter(segment => segment === placeholder).length
      if (count !== 1) throw invalid(`expected ${placeholder} exactly once as a whole segment, got it ${count} times`)
    }
    if (RESERVED_FIRST_SEGMENTS.includes(segments[0]!)) throw invalid(`the first segment ${segments[0]} is reserved`)
    checkLiterals(segments)
    return new IdTemplate(segments)
  }

  /**
   * The SPIFFE ID of an agent.
   *
   * @throws ProtocolError `name_invalid`, also for a name that would make the first segment a reserved one
   */
  render(trustDomain: TrustDomain, tenant: string, agent: string): SpiffeId {
    const names: Record<string, string> = { '{tenant}': parseName(tenant), '{agent}': parseName(agent) }
    const segments = this.#segments.map(segment => names[segment] ?? segment)
    if (RESERVED_FIRST_SEGMENTS.includes(segments[0]!))
      throw new ProtocolError('name_invalid', `expected another name: ${segments[0]} is reserved as a first segment`)
    return SpiffeId.of(trustDomain, ...segments)
  }

  /**
   * The names that render to this ID, or null where there are none. For readers who hold an ID that was proved and ask
   * what a message about a tenant concerns; the authority itself looks agents up and never parses.
   */
  namesIn(id: SpiffeId): { readonly tenant: string; readonly agent: string } | null {
    const { segments } = id
    if (segments.length !== this.#segments.length) return null
    const names: Record<string, string> = {}
    for (const [i, expected] of this.#segments.entries()) {
      const segment = segments[i]!
      if (isPlaceholder(expected)) names[expected] = segment
      else if (segment !== expected) return null
    }
    const [tenant, agent] = PLACEHOLDERS.map(placeholder => names[placeholder]!) as [string, string]
    const rendered = NAME_PATTERN.test(tenant) && NAME_PATTERN.test(agent)
    return rendered && !RESERVED_FIRST_SEGMENTS.includes(segments[0]!) ? { tenant, agent } : null
  }

  toString(): string {
    return `/${this.#segments.join('/')}`
  }

  toJSON(): string {
    return this.toString()
  }
}

function invalid(detail: string, cause?: unknown): ProtocolError {
  return new ProtocolError('id_template_invalid', detail, { cause })
}

/** The literal segments are segments of a SPIFFE ID, and the longest names in the longest trust domain still fit. */
function checkLiterals(segments: readonly string[]): void {
  const longest = segments.map(segment => (isPlaceholder(segment) ? 'x'.repeat(MAX_NAME_BYTES) : segment))
  const bytes = 'spiffe://'.length + MAX_TRUST_DOMAIN_BYTES + longest.join('/').length + 1
  if (bytes > MAX_SPIFFE_ID_BYTES)
    throw invalid(`expected IDs of at most ${MAX_SPIFFE_ID_BYTES} bytes, got one of ${bytes} with the longest names`)
  try {
    SpiffeId.parse(`spiffe://x/${longest.join('/')}`)
  } catch (error) {
    throw invalid(`expected segments of a SPIFFE ID: ${(error as Error).message}`, error)
  }
}

function isPlaceholder(segment: string): boolean {
  return (PLACEHOLDERS as readonly string[]).includes(segment)
}
