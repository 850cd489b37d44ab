import { SETTINGS, type Setting } from '@lanyard/server'
import { choice, list, type Option, type Options, text, type Values } from '../../command.ts'
import { Misuse } from '../../problem.ts'

const PLACEHOLDERS: Readonly<Record<string, string>> = {
  data: 'DIR',
  listen: 'HOST:PORT',
  trust_domain: 'TD',
  id_template: 'PATH',
}

/** Every setting of the server as an option. Numbers stay text: the schema of the settings judges them all alike. */
export const SETTING_OPTIONS: Options = Object.fromEntries(SETTINGS.map(setting => [setting.flag, optionOf(setting)]))

function optionOf(setting: Setting): Option {
  const { key, kind, form, about, usual, variable } = setting
  const shown = usual === '' ? about : `${about}; ${usual} where not given`
  const base = { variable, group: 'settings' } as const
  if (kind === 'list') return { ...list('A,B', shown), ...base }
  if (kind === 'number') return { ...text('N', `${shown}; ${form}`), ...base }
  if (form !== 'text') return { ...choice(form.split(', '), shown), ...base }
  return { ...text(PLACEHOLDERS[key] ?? 'TEXT', shown), ...base }
}

export const CONFIG_OPTION = {
  config: { ...text('FILE', 'Settings file; lanyard.yaml here where not given'), variable: 'LANYARD_CONFIG' },
} as const satisfies Options

/** A URL with a password in it, as user information or as a parameter. */
const WITH_PASSWORD = /:\/\/[^@]*:[^@]*@|[?&]password=/i

/**
 * The settings among what was given, as they were written. Throws `Misuse` for a password: arguments of a process are
 * seen by every user of its machine.
 */
export function settingsAmong(options: Values<Options>): Record<string, string | readonly string[]> {
  const given: Record<string, string | readonly string[]> = {}
  for (const { flag, variable } of SETTINGS) {
    const value = options[flag] as string | readonly string[] | undefined
    if (value === undefined) continue
    if (WITH_PASSWORD.test(String(value)))
      throw new Misuse(`--${flag}: expected no password where every user of this machine sees it: set ${variable}`)
    given[flag] = value
  }
  return given
}
