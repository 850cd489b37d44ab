import { z } from 'zod'
import { ServerConfig } from './config.ts'

/** One setting, under all of its names. */
export interface Setting {
  /** In `lanyard.yaml`, a dot between folder and name: `limits.body_bytes`. */
  readonly key: string
  /** On the command line, without the two hyphens: `limits-body-bytes`. */
  readonly flag: string
  /** In the environment: `LANYARD_LIMITS_BODY_BYTES`. */
  readonly variable: string
  readonly kind: 'text' | 'number' | 'list' | 'flag'
  /** What may stand there: `HOST:PORT`, `1024 to 16777216`, `json or text`. */
  readonly form: string
  /** The value where none is given, as one would write it; empty where none is the value. */
  readonly usual: string
  /** What it is for, one line. */
  readonly about: string
}

interface Schema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, Schema>>
}

// Before the table below, which is made as this file loads.
const KINDS: Readonly<Record<string, Setting['kind']>> = { integer: 'number', array: 'list', boolean: 'flag' }

/** Every setting, in the order of the schema, which is the only place where settings are declared. */
export const SETTINGS: readonly Setting[] = settingsOf(z.toJSONSchema(ServerConfig, { io: 'input' }) as Schema, '')

function settingsOf(schema: Schema, folder: string): Setting[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) =>
    field.properties ? settingsOf(field, `${folder}${name}.`) : [settingOf(`${folder}${name}`, field)],
  )
}

function settingOf(key: string, field: Schema): Setting {
  const words = key.split(/[._]/)
  return {
    key,
    flag: words.join('-'),
    variable: `LANYARD_${words.join('_').toUpperCase()}`,
    kind: KINDS[field.type ?? ''] ?? 'text',
    form: formOf(field),
    usual: Array.isArray(field.default) || field.default === null ? '' : String(field.default ?? ''),
    about: field.description ?? '',
  }
}

function formOf(field: Schema): string {
  if (field.enum) return field.enum.join(', ')
  if (field.type === 'integer') return `${field.minimum} to ${field.maximum}`
  if (field.type === 'boolean') return 'true, false'
  return field.type === 'array' ? 'list' : 'text'
}

export type SettingsTree = Record<string, unknown>

/** What was written on a command line or in the environment, as a value of the setting's kind. */
export function readSetting({ kind }: Setting, written: string | readonly string[]): unknown {
  const texts = typeof written === 'string' ? [written] : written
  const last = texts.at(-1) ?? ''
  switch (kind) {
    case 'text':
      return last
    case 'number':
      // What is not a number stays a text, which the schema refuses with its name.
      return /^-?\d+$/.test(last) ? Number(last) : last
    case 'flag':
      // The same for what is neither.
      return last === 'true' ? true : last === 'false' ? false : last
    case 'list':
      return texts.flatMap(text => text.split(',')).flatMap(item => item.trim() || [])
    default:
      throw new TypeError(`unknown kind ${kind satisfies never}`)
  }
}

/** Puts a value where `lanyard.yaml` has it. */
export function putSetting(tree: SettingsTree, { key }: Setting, value: unknown): void {
  const [first, second] = key.split('.') as [string, string?]
  if (second === undefined) tree[first] = value
  else tree[first] = { ...(isTree(tree[first]) ? tree[first] : {}), [second]: value }
}

export function isSet(tree: SettingsTree, { key }: Setting): boolean {
  const [first, second] = key.split('.') as [string, string?]
  const value = tree[first]
  return (second === undefined ? value : isTree(value) ? value[second] : undefined) !== undefined
}

export const isTree = (value: unknown): value is SettingsTree =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
