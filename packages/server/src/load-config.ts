import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { LanyardError, nearest } from '@lanyard/api'
import { parseDocument } from 'yaml'
import type { z } from 'zod'
import { ServerConfig } from './config.ts'
import { isSet, isTree, putSetting, readSetting, SETTINGS, type SettingsTree } from './settings.ts'

/** Read from the folder where the server starts, if it is there and no other file is named. */
export const CONFIG_FILE = 'lanyard.yaml'

export interface ConfigSources {
  /** By flag, without hyphens, as they were written. They win over everything. */
  readonly flags?: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Wins over the file. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** The file to read; undefined: `lanyard.yaml` in `cwd`, if it exists; null: none. */
  readonly file?: string | null | undefined
  /** By flag: what holds where none of the others says anything, other than the usual values. */
  readonly otherwise?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export interface LoadedConfig {
  /** With an absolute `data`. */
  readonly config: ServerConfig
  /** The file that was read, or null. */
  readonly file: string | null
}

/** Variables of ours that are no settings: clients, the passphrase, and the file itself. */
const OTHER_VARIABLES = [
  'LANYARD_CONFIG',
  'LANYARD_PASSPHRASE',
  'LANYARD_PASSPHRASE_FILE',
  'LANYARD_URL',
  'LANYARD_API_KEY',
  'LANYARD_TOKEN',
  'LANYARD_ROOT_SHA256',
  'LANYARD_PROFILE',
  'LANYARD_TOKEN_FILE',
  'LANYARD_TENANT',
  'LANYARD_IDP_TOKEN_FILE',
  'LANYARD_SVID_DIR',
  'LANYARD_SVID',
  'LANYARD_SVID_KEY',
  'LANYARD_BUNDLE',
  'LANYARD_JOIN_TOKEN',
  'LANYARD_ADMIN_SOCKET',
]
/** Kubernetes puts these into every pod beside a service called `lanyard`. */
const SERVICE_LINK = /^LANYARD_(SERVICE_(HOST|PORT)|PORT)(_|$)/

/**
 * The settings of a server from flags, environment and file, in this order of precedence. What is not a setting is
 * refused, since a misspelt limit that silently does not hold is worse than a server that does not start.
 *
 * @throws LanyardError `config_invalid`, naming the setting, where it was written, and the nearest known one
 */
export function loadConfig(sources: ConfigSources = {}): LoadedConfig {
  const cwd = sources.cwd ?? process.cwd()
  const env = sources.env ?? {}
  const named = sources.file === undefined ? env.LANYARD_CONFIG : sources.file
  const file = resolve(cwd, named ?? CONFIG_FILE)
  const text = named === null ? null : readConfigFile(file, named !== undefined)
  const tree = text === null ? {} : parseFile(file, text)
  // A path means the same wherever the server is started: the file says it from its own folder.
  if (typeof tree.data === 'string') tree.data = resolve(dirname(file), tree.data)
  if (isTree(tree.x509pop) && typeof tree.x509pop.ca_file === 'string')
    tree.x509pop.ca_file = resolve(dirname(file), tree.x509pop.ca_file)
  refuseUnknownVariables(env)
  for (const setting of SETTINGS) {
    const written = sources.flags?.[setting.flag] ?? env[setting.variable]
    const value = written ?? (isSet(tree, setting) ? undefined : sources.otherwise?.[setting.flag])
    if (value !== undefined) putSetting(tree, setting, readSetting(setting, value))
  }
  const config = validate(tree)
  return { config: { ...config, data: resolve(cwd, config.data) }, file: text === null ? null : file }
}

function readConfigFile(file: string, required: boolean): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' && !required) return null
    throw refusal(`cannot read the configuration file ${file}: ${code === 'ENOENT' ? 'there is no such file' : code}`)
  }
}

/**
 * What a settings file says, whoever's settings they are; nothing of it is judged.
 *
 * @throws LanyardError `config_invalid` for a file that cannot be read or is no YAML of names and values
 */
export function readSettingsFile(file: string): SettingsTree {
  return parseTree(file, readConfigFile(file, true)!)
}

function parseFile(file: string, text: string): SettingsTree {
  const tree = parseTree(file, text)
  refuseUnknownKeys(file, tree)
  return tree
}

function parseTree(file: string, text: string): SettingsTree {
  const document = parseDocument(text, { uniqueKeys: true, stringKeys: true })
  const fault = document.errors[0] ?? document.warnings[0]
  if (fault) throw refusal(`${file}: ${fault.message.split('\n')[0]}`)
  // A name with nothing behind it, its values perhaps commented out, says nothing.
  const tree: unknown = document.toJS({ reviver: (_, value) => value ?? undefined }) ?? {}
  if (!isTree(tree)) throw refusal(`${file}: expected settings, one "name: value" to a line`)
  return tree
}

function refuseUnknownKeys(file: string, tree: SettingsTree): void {
  const keys = SETTINGS.map(setting => setting.key)
  for (const key of writtenKeys(tree, keys)) {
    if (!keys.includes(key)) throw refusal(`${file}: ${key} is not a setting; the nearest is ${nearest(key, keys)}`)
  }
}

/** Keys with their folder; a folder is what holds settings, so that `log: 3` is a wrong value and not a new name. */
function writtenKeys(tree: SettingsTree, known: readonly string[]): string[] {
  return Object.entries(tree).flatMap(([name, value]) => {
    if (!known.some(key => key.startsWith(`${name}.`))) return [name]
    return isTree(value) ? Object.keys(value).map(inner => `${name}.${inner}`) : []
  })
}

function refuseUnknownVariables(env: Readonly<Record<string, string | undefined>>): void {
  const known = [...SETTINGS.map(setting => setting.variable), ...OTHER_VARIABLES]
  for (const name of Object.keys(env)) {
    if (!name.startsWith('LANYARD_') || SERVICE_LINK.test(name) || known.includes(name)) continue
    throw refusal(`the environment variable ${name} is not a setting; the nearest is ${nearest(name, known)}`)
  }
}

function validate(tree: SettingsTree): ServerConfig {
  const result = ServerConfig.safeParse(tree)
  if (result.success) return result.data
  throw refusal(result.error.issues.map(issue => describe(issue, tree)).join('; '))
}

function describe(issue: z.core.$ZodIssue, tree: SettingsTree): string {
  const key = issue.path.filter(step => typeof step === 'string').join('.')
  const setting = SETTINGS.find(one => one.key === key)
  const names = setting ? `${key} (--${setting.flag}, ${setting.variable})` : key
  const got = issue.path.reduce<unknown>((value, step) => (value as SettingsTree)[String(step)], tree)
  // A URL may hold a password, and this goes to whoever reads the log.
  const shown = SECRETIVE.includes(key) ? 'something else' : JSON.stringify(got)
  return `${names}: ${issue.message}, got ${shown}`
}

/** Settings whose values are not to be seen. */
const SECRETIVE = ['store', 'redis']

const refusal = (detail: string) => new LanyardError('config_invalid', detail)
