/** Levels of nesting that evidence is kept to. */
const DEPTH_MAX = 16
/** Characters of one text. */
const TEXT_MAX = 8_192

const gone = (what: string) => `[redacted: ${what}]`

/**
 * Evidence without secrets, by what they look like and by what they are called: private keys, tokens, API keys,
 * authorization headers, passwords. It rather takes too much. Linear in the size of what came.
 */
export const redact = (value: unknown): unknown => redacted(value, 0)

function redacted(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= DEPTH_MAX) return gone('too deep')
  if (Array.isArray(value)) return value.map(item => redacted(item, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([name, held]) => [redactText(name), field(name, held, depth)]))
}

function field(name: string, held: unknown, depth: number): unknown {
  if (held === null || typeof held === 'boolean' || !isSecretName(name)) return redacted(held, depth + 1)
  return gone('named like a secret')
}

const SECRET_WORDS = new Set([
  ...['password', 'passwd', 'passphrase', 'passcode', 'pwd', 'pass', 'pin', 'otp', 'secret', 'token', 'jwt', 'bearer'],
  ...['authorization', 'auth', 'cookie', 'credential', 'apikey', 'privatekey', 'secretkey', 'accesskey', 'signature'],
])
const SECRET_PAIRS = new Set(['api key', 'private key', 'secret key', 'access key', 'signing key', 'session id'])

/** By the last words of the name: `access_token` and `apiKey` are secrets, `token_count` and `key_thumbprint` are not. */
function isSecretName(name: string): boolean {
  const words = name
    .slice(-128)
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(word => word !== '')
    .map(word => (word.length > 3 && word.endsWith('s') && !word.endsWith('ss') ? word.slice(0, -1) : word))
  return SECRET_WORDS.has(words.at(-1) ?? '') || SECRET_PAIRS.has(words.slice(-2).join(' '))
}

const SCHEME = /\b(bearer|basic|digest|negotiate|dpop)[ \t]{1,8}[A-Za-z0-9._~+/=-]{6,}/gi
const ASSIGNED =
  /\b(password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|authorization|cookie)(\\?"?[ \t]{0,8}[=:][ \t]{0,8})[^\s,;&]+/gi
const USER_INFO = /:\/\/[^\s/@?#]{1,512}@/g
const RUN = /[A-Za-z0-9_.-]{16,}/g

function redactText(text: string): string {
  const kept = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}… (${text.length} characters)` : text
  return withoutPrivateKeys(kept)
    .replace(SCHEME, (_, scheme: string) => `${scheme} ${gone('authorization')}`)
    .replace(RUN, judgeRun)
    .replace(ASSIGNED, (_, name: string, sign: string) => `${name}${sign}${gone('assigned to a secret name')}`)
    .replace(USER_INFO, `://${gone('user')}@`)
}

/** Each from its first line to its last, or to the end of a text that was cut off. */
function withoutPrivateKeys(text: string): string {
  const parts = text.split('-----BEGIN ')
  return parts.map((part, index) => (index === 0 ? part : withoutKey(part))).join('')
}

function withoutKey(part: string): string {
  const label = part.slice(0, 64).split('-----', 1)[0]!
  if (!label.includes('PRIVATE KEY')) return `-----BEGIN ${part}`
  const end = part.indexOf('-----END ')
  const rest = end < 0 ? -1 : part.indexOf('-----', end + '-----END '.length)
  return gone('private key') + (rest < 0 ? '' : part.slice(rest + '-----'.length))
}

const API_KEY_MARKS = ['lanyard_', 'ghp_', 'gho_', 'ghs_', 'github_pat_', 'glpat-', 'xoxb-', 'xoxp-', 'sk-', 'sk_live_']

/** One run of characters as tokens are made of. */
function judgeRun(run: string): string {
  const jwt = run.indexOf('eyJ')
  if (jwt >= 0 && run.indexOf('.', jwt) >= 0) return gone('token')
  if (API_KEY_MARKS.some(mark => run.startsWith(mark))) return gone('API key')
  if (run.includes('lanyard_') || run.startsWith('AKIA')) return gone('API key')
  return run
}
