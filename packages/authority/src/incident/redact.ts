import { AGENT_SECRET_PREFIX } from '../secrets/secret.ts'

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

/** The same for one text that people write, such as a reason: it stands in events, logs and receipts. */
export const redactText = (text: string): string => withoutSecrets(text)

function redacted(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return withoutSecrets(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= DEPTH_MAX) return gone('too deep')
  if (Array.isArray(value)) return value.map(item => redacted(item, depth + 1))
  const isKey = Object.hasOwn(value, 'kty')
  const kept = Object.entries(value).map(([name, held]) => [
    withoutSecrets(name),
    isKey && JWK_SECRETS.has(name) ? gone('private key') : field(name, held, depth),
  ])
  return Object.fromEntries(kept)
}

// RFC 7518, 6.2.2, 6.3.2 and 6.4; RFC 8037, 2.
const JWK_SECRETS = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'])

function field(name: string, held: unknown, depth: number): unknown {
  if (held === null || typeof held === 'boolean' || !isSecretName(name)) return redacted(held, depth + 1)
  return gone('named like a secret')
}

const SECRET_WORDS = new Set([
  ...[
    'password',
    'passwd',
    'passphrase',
    'passcode',
    'passwort',
    'pwd',
    'pass',
    'pw',
    'pin',
    'otp',
    'totp',
    'mnemonic',
  ],
  ...['secret', 'token', 'jwt', 'bearer', 'authorization', 'auth', 'cookie', 'credential', 'signature', 'sig', 'sid'],
  ...['apikey', 'privatekey', 'secretkey', 'accesskey', 'csrf', 'xsrf', 'seed'],
])
const SECRET_PAIRS = new Set(
  [
    'api key',
    'private key',
    'secret key',
    'access key',
    'signing key',
    'encryption key',
    'session id',
    'session key',
  ].concat(['key material', 'pass word', 'pass phrase', 'account key', 'master key']),
)
/** In every name of a secret; most names are judged by this alone. */
const TOLD_BY = new RegExp([...SECRET_WORDS, 'key', 'id$', 'material', 'word', 'phrase'].join('|'), 'i')
/** What may stand behind the word that tells: `secretValue`, `private_key_pem`. */
const FORMS = new Set([
  ...['value', 'text', 'string', 'data', 'raw', 'plain', 'plaintext', 'bytes', 'header'],
  ...['pem', 'der', 'hex', 'base64', 'b64', 'jwk', 'json', 'old', 'new', 'current', 'previous'],
])

/**
 * By the last words of the name: `access_token` and `apiKey` are secrets, `token_count` and `key_thumbprint` are not.
 */
function isSecretName(name: string): boolean {
  if (!TOLD_BY.test(name)) return false
  const words = name
    .slice(-128)
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .map(word => (FORMS.has(word) ? word : word.replace(/[0-9]+$/, '')))
    .filter(word => word !== '')
    .map(word => (word.length > 3 && word.endsWith('s') && !word.endsWith('ss') ? word.slice(0, -1) : word))
  while (words.length > 1 && FORMS.has(words.at(-1)!)) words.pop()
  return SECRET_WORDS.has(words.at(-1) ?? '') || SECRET_PAIRS.has(words.slice(-2).join(' '))
}

const SCHEME = /\b(bearer|basic|digest|negotiate|dpop|lanyard-secret)[ \t]{1,8}[A-Za-z0-9._~+/=-]{6,}/gi
// A name and a sign: `DB_PASS=`, `"client_secret": "`, also escaped, also with the value on the next line.
const NAMED = /(?<![A-Za-z0-9_-])([A-Za-z0-9_-]{1,64})\\{0,3}["']?\s{0,8}[=:]\s{0,8}/g
// Up to its closing quotation mark, or one word.
const VALUE = /\\{0,3}"(?:[^"\\]|\\[^"]){0,4096}|'[^']{0,4096}|[^\s,;&"']{1,4096}/y
const USER_INFO = /:\/\/[^\s/@?#]{1,512}@/g
const RUN = /[A-Za-z0-9_.-]{16,}/g
// Base64 of a PKCS#8, PKCS#1 or SEC 1 private key: a SEQUENCE that begins with version 0 or 1 (RFC 5958, 8017, 5915).
const BARE_KEY = /(?<![A-Za-z0-9+/])M[CEGHI][A-Za-z0-9+/]{1,4}(?:AgEA|CAQA|IBA[DAQ]|CAQE|AgEB)[A-Za-z0-9+/=\r\n]{16,}/g

function withoutSecrets(text: string): string {
  const kept = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}… (${text.length} characters)` : text
  const unkeyed = withoutPrivateKeys(kept)
    .replace(SCHEME, (_, scheme: string) => `${scheme} ${gone('authorization')}`)
    .replace(RUN, judgeRun)
    .replace(BARE_KEY, gone('private key'))
  return withoutAssigned(unkeyed).replace(USER_INFO, `://${gone('user')}@`)
}

function withoutAssigned(text: string): string {
  const isKey = text.includes('kty')
  let kept = ''
  let at = 0
  for (const { 0: found, 1: name = '', index } of text.matchAll(NAMED)) {
    if (index < at || !(isSecretName(name) || (isKey && JWK_SECRETS.has(name)))) continue
    const from = index + found.length
    VALUE.lastIndex = from
    const value = VALUE.exec(text)?.[0] ?? ''
    // What was taken away before is no value.
    if (value === '' || value.startsWith('[redacted') || isPublicId(name, value)) continue
    kept += text.slice(at, from) + gone('assigned to a secret name')
    at = from + value.length
  }
  return kept + text.slice(at)
}

/** `agent-secret:<id>` is what sessions are minted by: without it nobody could say which secret was stolen. */
const isPublicId = (name: string, value: string) => name === 'agent-secret' && /^[0-9a-f]{12}$/.test(value)

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
  if (run.includes(AGENT_SECRET_PREFIX)) return gone('secret of an agent')
  if (API_KEY_MARKS.some(mark => run.startsWith(mark))) return gone('API key')
  if (run.includes('lanyard_') || run.startsWith('AKIA')) return gone('API key')
  return run
}
