import { LanyardError } from '@lanyard/api'

// type:kind:value. The value may hold colons, as image names and labels do; nothing in it is invisible.
const FORM = /^([a-z][a-z0-9_-]{0,31}):([a-z][a-z0-9_-]{0,31}):([\x20-\x7e\u00a0-\u{10ffff}]+)$/u

/** Values that are read as something else than text: what is written otherwise would never match, and nobody would learn why. */
const VALUES: Readonly<Record<string, { readonly form: RegExp; readonly expected: string }>> = {
  'unix:uid': { form: /^(0|[1-9]\d{0,9})$/, expected: 'a number of a user' },
  'unix:gid': { form: /^(0|[1-9]\d{0,9})$/, expected: 'a number of a group' },
  'unix:supplementary_gid': { form: /^(0|[1-9]\d{0,9})$/, expected: 'a number of a group' },
  'unix:sha256': { form: /^[0-9a-f]{64}$/, expected: '64 lower-case hex digits' },
  'unix:path': { form: /^\/(?!.*(\/\/|\/\.\.?(\/|$)|.\/$))/u, expected: 'an absolute path without . and .. in it' },
}

/**
 * Selectors as they are kept: sorted, each once. Throws `selector_invalid` for what is none; a type that this version
 * does not know is one, since attestors are the daemon's.
 */
export function requireSelectors(texts: readonly string[]): readonly string[] {
  if (texts.length === 0) throw new LanyardError('selector_invalid', 'expected at least one selector')
  for (const text of texts) requireSelector(text)
  return [...new Set(texts)].sort()
}

function requireSelector(text: string): void {
  const [, type, kind, value] = FORM.exec(text) ?? []
  if (type === undefined)
    throw new LanyardError('selector_invalid', `expected type:kind:value, such as unix:uid:1001, got ${shown(text)}`)
  const rule = VALUES[`${type}:${kind}`]
  if (rule === undefined || rule.form.test(value!)) return
  throw new LanyardError('selector_invalid', `${type}:${kind}: expected ${rule.expected}, got ${shown(value!)}`)
}

const shown = (text: string) => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
