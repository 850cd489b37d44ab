import { resolve } from 'node:path'
import { LanyardError, nearestWithinReach } from '@lanyard/api'
import { ATTESTOR_NAMES, type AttestorName } from './attestors/index.ts'
import { LOG_LEVELS, type LogLevel } from './log.ts'

/** Files for a program that knows nothing of SPIFFE. */
export interface DeliverySetting {
  /** Id of an entry, or the SPIFFE ID that one gives. */
  readonly entry: string
  /** Where the files go. */
  readonly folder: string
  /** Who owns them; our own user and group where they are null. */
  readonly uid: number | null
  readonly gid: number | null
  /** Run after the files have changed, program first; null: nothing. */
  readonly reload: readonly string[] | null
}

/** Everything that can be set about a daemon. */
export interface DaemonConfig {
  /** URL of the authority. */
  readonly authority: string
  /** SHA-256 of its root, hex; null: `rootFile` says it. */
  readonly rootSha256: string | null
  /** The root, PEM. */
  readonly rootFile: string | null
  /** A file with a join token; it is needed once. */
  readonly joinTokenFile: string | null
  /** A certificate of the machine with its intermediates, and its key, PEM. */
  readonly x509popCert: string | null
  readonly x509popKey: string | null
  /** Address of the Workload API: `unix:///PATH`. */
  readonly socket: string
  readonly adminSocket: string
  /** Folder of the node's key and of issued SVIDs, 0700. */
  readonly data: string
  /** Users besides root and our own who may launch workloads. */
  readonly launchers: readonly number[]
  /** The attestors that are asked. */
  readonly attestors: readonly AttestorName[]
  readonly dockerSocket: string | null
  readonly systemctl: string | null
  readonly maxHashBytes: number | null
  readonly delivery: readonly DeliverySetting[]
  /** Where metrics are served without TLS: on this machine alone; null: on the admin socket only. */
  readonly metrics: { readonly host: string; readonly port: number } | null
  readonly logLevel: LogLevel
  readonly logFormat: 'json' | 'text'
}

type Kind = 'text' | 'path' | 'number' | 'list'

/** One setting as people write it. */
export interface DaemonSetting {
  /** In the file. */
  readonly key: string
  /** On the command line, without hyphens. */
  readonly flag: string
  readonly value: string
  readonly about: string
  readonly usual: string
  readonly kind: Kind
}

const setting = (key: string, value: string, about: string, usual = '', kind: Kind = 'text'): DaemonSetting => ({
  ...{ key, value, about, usual, kind },
  flag: key.replaceAll('_', '-'),
})

/** All settings of the daemon but `delivery`, which is a list of objects. */
export const DAEMON_SETTINGS: readonly DaemonSetting[] = [
  setting('authority', 'URL', 'The authority'),
  setting('root_sha256', 'HEX', 'Fingerprint of its root, as `lanyard up` prints it'),
  setting('root_file', 'FILE', 'Its root in PEM, instead of the fingerprint', '', 'path'),
  setting('join_token_file', 'FILE', 'A join token, needed at the first start alone', '', 'path'),
  setting('x509pop_cert', 'FILE', 'Certificate of this machine with its intermediates, to attest with', '', 'path'),
  setting('x509pop_key', 'FILE', 'Its key', '', 'path'),
  setting('socket', 'unix:///PATH', 'Socket of the Workload API', 'unix:///run/lanyard/workload-api.sock'),
  setting(
    'admin_socket',
    'PATH',
    'Socket for lanyard run and lanyard daemon status',
    '/run/lanyard/admin.sock',
    'path',
  ),
  setting('data', 'DIR', 'Folder of the key of the node and of issued SVIDs, 0700', '/var/lib/lanyard', 'path'),
  setting('launchers', 'UID,UID', 'Users besides root and our own who may launch workloads', '', 'list'),
  setting('attestors', 'A,B', 'Who is asked about a process', ATTESTOR_NAMES.join(','), 'list'),
  setting('docker_socket', 'PATH', 'Socket of the Docker engine', '', 'path'),
  setting('systemctl', 'PATH', 'systemctl of this machine', '', 'path'),
  setting('max_hash_bytes', 'N', 'Executables larger than this have no sha256 selector; 0: none has', '', 'number'),
  setting('metrics', 'HOST:PORT', 'Loopback address for Prometheus; the admin socket alone has them where not given'),
  setting('log_level', LOG_LEVELS.join('|'), 'The least important kind of message that is logged', 'info'),
  setting('log_format', 'json|text', 'One JSON object or one line of text for each message', 'json'),
]

/** Settings as they were written, by key: text, numbers and lists. */
export type WrittenSettings = Readonly<Record<string, unknown>>

/**
 * The settings of a daemon. What is not a setting is refused, since a misspelt one that silently does not hold is worse than
 * a daemon that does not start. Paths that begin with no slash are meant from `cwd`.
 *
 * @throws LanyardError `config_invalid`, naming the setting
 */
export function daemonConfig(written: WrittenSettings, cwd: string): DaemonConfig {
  const keys = [...DAEMON_SETTINGS.map(({ key }) => key), 'delivery']
  for (const key of Object.keys(written)) if (!keys.includes(key)) throw unknown(key, keys)
  const read = new Reader(written, cwd)
  const config: DaemonConfig = {
    authority: read.url('authority'),
    rootSha256: read.text('root_sha256'),
    rootFile: read.path('root_file'),
    joinTokenFile: read.path('join_token_file'),
    x509popCert: read.path('x509pop_cert'),
    x509popKey: read.path('x509pop_key'),
    socket: read.text('socket')!,
    adminSocket: read.path('admin_socket')!,
    data: read.path('data')!,
    launchers: read.list('launchers').map(text => read.number('launchers', text)),
    attestors: read.list('attestors').map(name => read.oneOf('attestors', name, ATTESTOR_NAMES)),
    dockerSocket: read.path('docker_socket'),
    systemctl: read.path('systemctl'),
    maxHashBytes: read.optionalNumber('max_hash_bytes'),
    delivery: read.delivery(),
    metrics: read.loopback('metrics'),
    logLevel: read.oneOf('log_level', read.text('log_level')!, LOG_LEVELS),
    logFormat: read.oneOf('log_format', read.text('log_format')!, ['json', 'text']),
  }
  if (config.rootSha256 === null && config.rootFile === null)
    throw refusal('expected root_sha256 or root_file: without either anybody could claim to be the authority')
  if ((config.x509popCert === null) !== (config.x509popKey === null))
    throw refusal('expected x509pop_cert and x509pop_key together')
  return config
}

/** Reads settings one by one. */
class Reader {
  readonly #written: WrittenSettings
  readonly #cwd: string

  constructor(written: WrittenSettings, cwd: string) {
    this.#written = written
    this.#cwd = cwd
  }

  text(key: string): string | null {
    const value = this.#written[key] ?? DAEMON_SETTINGS.find(one => one.key === key)?.usual
    if (value === undefined || value === null || value === '') return null
    if (typeof value !== 'string' && typeof value !== 'number') throw refusal(`${key}: expected text`)
    return String(value)
  }

  path(key: string): string | null {
    const text = this.text(key)
    return text === null ? null : resolve(this.#cwd, text)
  }

  url(key: string): string {
    const text = this.text(key)
    if (text === null) throw refusal(`${key}: expected an https:// URL, and none was given (--${key} URL)`)
    if (!URL.canParse(text) || !text.startsWith('https://'))
      throw refusal(`${key}: expected an https:// URL, got ${JSON.stringify(text)}`)
    return text
  }

  list(key: string): readonly string[] {
    const value = this.#written[key]
    if (Array.isArray(value)) return value.map(String)
    const text = this.text(key)
    return text === null ? [] : text.split(',').map(part => part.trim())
  }

  number(key: string, value: unknown): number {
    const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
    if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number
    throw refusal(`${key}: expected a whole number, got ${JSON.stringify(value)}`)
  }

  optionalNumber(key: string): number | null {
    const value = this.#written[key] ?? null
    return value === null ? null : this.number(key, value)
  }

  oneOf<const T extends string>(key: string, value: string, choices: readonly T[]): T {
    const found = choices.find(choice => choice === value)
    if (found === undefined) throw refusal(`${key}: expected ${choices.join(', ')}, got ${JSON.stringify(value)}`)
    return found
  }

  /** An address that other machines cannot reach, since nothing asks there who reads. */
  loopback(key: string): { host: string; port: number } | null {
    const text = this.text(key)
    if (text === null) return null
    const [, host, digits] = /^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|\[::1\]):(\d{1,5})$/.exec(text) ?? []
    if (host === undefined || Number(digits) > 65_535)
      throw refusal(`${key}: expected a loopback address such as 127.0.0.1:9464, got ${JSON.stringify(text)}`)
    return { host: host.replace(/[[\]]/g, ''), port: Number(digits) }
  }

  delivery(): DeliverySetting[] {
    const written = this.#written.delivery ?? []
    if (!Array.isArray(written)) throw refusal('delivery: expected a list')
    return written.map((one: unknown, i) => this.#deliveryOf(one, `delivery[${i}]`))
  }

  #deliveryOf(one: unknown, name: string): DeliverySetting {
    const { entry, folder, uid = null, gid = null, reload = null, ...more } = (one ?? {}) as Record<string, unknown>
    const [unknown] = Object.keys(more)
    if (unknown !== undefined) throw refusal(`${name}.${unknown} is not a setting`)
    if (typeof entry !== 'string' || typeof folder !== 'string')
      throw refusal(`${name}: expected entry and folder as text`)
    const words = Array.isArray(reload) && reload.length > 0 && reload.every(word => typeof word === 'string')
    // A shell would be a way around: what runs is a program with arguments.
    if (reload !== null && !(words && String(reload[0]).startsWith('/')))
      throw refusal(`${name}.reload: expected a list, first the absolute path of a program`)
    return {
      entry,
      folder: resolve(this.#cwd, folder),
      uid: uid === null ? null : this.number(`${name}.uid`, uid),
      gid: gid === null ? null : this.number(`${name}.gid`, gid),
      reload: reload as readonly string[] | null,
    }
  }
}

function unknown(key: string, keys: readonly string[]): LanyardError {
  const meant = nearestWithinReach(key, keys)
  return refusal(`${key} is not a setting${meant === undefined ? '' : `; did you mean ${meant}?`}`)
}

const refusal = (detail: string) => new LanyardError('config_invalid', detail)
