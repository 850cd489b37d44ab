import type { PROXY_FORMATS } from '../config.ts'

export type ProxyFormat = (typeof PROXY_FORMATS)[number]

/** The headers of one format, in lower case. */
export interface FormatHeaders {
  /** Holds the certificate of the client. Comes once. */
  readonly leaf: string
  /** Holds those above it, as a list, which may be split over several lines. */
  readonly chain?: string
  /** Says again what stands in the certificate. Read by nobody, and each comes once. */
  readonly about: readonly string[]
}

/** The header of nginx and HAProxy where nobody names another one: they have none of their own. */
export const USUAL_HEADER = 'x-ssl-client-cert'

const AMZN = 'x-amzn-mtls-clientcert'

/** Headers of the formats that have them by name. */
const NAMED = {
  // RFC 9440, 2.2 and 2.3
  rfc9440: { leaf: 'client-cert', chain: 'client-cert-chain', about: [] },
  envoy: { leaf: 'x-forwarded-client-cert', about: [] },
  alb: { leaf: AMZN, about: [] },
  'alb-verify': {
    leaf: `${AMZN}-leaf`,
    about: [`${AMZN}-serial-number`, `${AMZN}-issuer`, `${AMZN}-subject`, `${AMZN}-validity`],
  },
} as const satisfies Record<string, FormatHeaders>

export function headersOf(format: ProxyFormat, own: string): FormatHeaders {
  return format === 'nginx' || format === 'haproxy' ? { leaf: own, about: [] } : NAMED[format]
}

export const namesIn = ({ leaf, chain, about }: FormatHeaders): string[] => [
  leaf,
  ...(chain === undefined ? [] : [chain]),
  ...about,
]

/** Every header by which some proxy speaks of the certificate of a client, in whichever format. */
export const KNOWN_HEADERS: readonly string[] = [...Object.values<FormatHeaders>(NAMED).flatMap(namesIn), USUAL_HEADER]

/** Values by lower-case name, those of one name in turn. */
export type Found = ReadonlyMap<string, readonly string[]>

/**
 * Finds headers of these names among names and values as they came, in turn; null where there is none, which is usual.
 */
export function finderOf(names: readonly string[]): (raw: readonly string[]) => Found | null {
  const wanted = new Set(names)
  const lengths = new Set(names.map(name => name.length))
  return raw => {
    let found: Map<string, string[]> | null = null
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const written = raw[i]!
      if (!lengths.has(written.length)) continue
      const name = written.toLowerCase()
      if (!wanted.has(name)) continue
      found ??= new Map()
      const before = found.get(name)
      if (before) before.push(raw[i + 1]!)
      else found.set(name, [raw[i + 1]!])
    }
    return found
  }
}
