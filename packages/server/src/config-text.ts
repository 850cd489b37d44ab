import { stringify } from 'yaml'
import { putSetting, readSetting, SETTINGS, type SettingsTree } from './settings.ts'

/**
 * The text of a `lanyard.yaml` that says what these flags say. Values are judged when the file is read, by the same
 * schema as every other source.
 */
export function configText(flags: Readonly<Record<string, string | readonly string[] | undefined>>): string {
  const tree: SettingsTree = {}
  for (const setting of SETTINGS) {
    const written = flags[setting.flag]
    if (written !== undefined) putSetting(tree, setting, readSetting(setting, written))
  }
  return Object.keys(tree).length === 0 ? '' : stringify(tree)
}
