import { SETTINGS, type Setting } from '@lanyard/server'
import { choice, list, type Option, type Options, text, type Values } from '../../command.ts'

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

/** The settings among what was given, as they were written. */
export function settingsAmong(options: Values<Options>): Record<string, string | readonly string[]> {
  const given = SETTINGS.map(({ flag }) => [flag, options[flag]] as const)
  return Object.fromEntries(given.filter(([, value]) => value !== undefined)) as Record<string, string | string[]>
}
