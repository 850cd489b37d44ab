import { LanyardError } from '@lanyard/api'

/**
 * What a setting leads to, such as the key in the file that it names. It will not be another one at the next try: whoever
 * waits for the authority must not wait for this.
 *
 * @throws LanyardError `config_invalid`, naming the setting
 */
export function fromSetting<T>(name: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new LanyardError('config_invalid', `${name}: ${reason}`, {}, { cause })
  }
}
