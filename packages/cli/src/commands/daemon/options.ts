import { dirname, resolve } from 'node:path'
import { LanyardError } from '@lanyard/api'
import { DAEMON_SETTINGS, type DaemonConfig, daemonConfig } from '@lanyard/daemon/config'
import { readSettingsFile } from '@lanyard/server'
import { type Option, type Options, text, type Values } from '../../command.ts'
import type { Io } from '../../io.ts'

/** Every setting of the daemon as an option. */
export const DAEMON_OPTIONS: Options = {
  config: text('FILE', 'Settings in YAML, under the same names with _ for -; options win over it'),
  ...Object.fromEntries(DAEMON_SETTINGS.map(({ flag, value, about, usual }) => [flag, optionOf(value, about, usual)])),
}

function optionOf(value: string, about: string, usual: string): Option {
  const shown = usual === '' ? about : `${about}; ${usual} where not given`
  return text(value, shown)
}

/**
 * The settings from the file and from options. A path in the file is meant from the folder of the file.
 *
 * @throws LanyardError `config_invalid`
 */
export function configIn(options: Values<Options>, io: Pick<Io, 'cwd'>): DaemonConfig {
  const file = typeof options.config === 'string' ? resolve(io.cwd, options.config) : null
  const inFile = file === null ? {} : resolved(readSettingsFile(file), dirname(file))
  const given = DAEMON_SETTINGS.flatMap(({ key, flag }) =>
    options[flag] === undefined ? [] : [[key, options[flag]] as const],
  )
  try {
    return daemonConfig({ ...inFile, ...Object.fromEntries(given) }, io.cwd)
  } catch (error) {
    if (file === null || !(error instanceof LanyardError)) throw error
    const said = given.length === 0 ? `${file}: ${error.message}` : `${error.message} (from ${file} and options)`
    throw new LanyardError(error.code, said, error.extras, { cause: error })
  }
}

function resolved(tree: Readonly<Record<string, unknown>>, folder: string): Record<string, unknown> {
  const paths = new Set(DAEMON_SETTINGS.filter(({ kind }) => kind === 'path').map(({ key }) => key))
  return Object.fromEntries(
    Object.entries(tree).map(([key, value]) => {
      if (key === 'delivery' && Array.isArray(value)) return [key, value.map(one => inFolder(one, folder))]
      return [key, paths.has(key) && typeof value === 'string' ? resolve(folder, value) : value]
    }),
  )
}

const inFolder = (one: unknown, folder: string): unknown =>
  typeof one === 'object' && one !== null && 'folder' in one && typeof one.folder === 'string'
    ? { ...one, folder: resolve(folder, one.folder) }
    : one

/** A join token from the environment: never from the command line, which every user of the machine sees. */
export const joinTokenIn = (env: Io['env']): string | null => env.LANYARD_JOIN_TOKEN?.trim() || null
