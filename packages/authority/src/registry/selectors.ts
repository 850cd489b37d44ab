import { LanyardError } from '@lanyard/api'

// type:kind:value. The value may hold colons, as image names and labels do.
const FORM = /^([a-z][a-z0-9_-]{0,31}):([a-z][a-z0-9_-]{0,31}):(.+)$/su
// What nobody sees in a list would make two selectors look alike; no daemon finds it either.
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

interface Rule {
  readonly form: RegExp
  readonly expected: string
}

const ANY: Rule = { form: /^/, expected: 'anything' }
const NUMBER: Rule = { form: /^(0|[1-9]\d{0,9})$/, expected: 'a number' }
const PATH: Rule = {
  form: /^\/(?!.*(\/\/|\/\.\.?(\/|$)|.\/$)|\.\.?(\/|$))/u,
  expected: 'an absolute path without . and .. in it',
}
const DIGEST: Rule = { form: /^[0-9a-f]{64}$/, expected: '64 lower-case hex digits' }

/**
 * The kinds of the attestors that come with the daemon, and how their values read. What is written otherwise would never
 * match, and nobody would learn why.
 */
const KINDS: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
  unix: {
    uid: NUMBER,
    user: ANY,
    gid: NUMBER,
    group: ANY,
    supplementary_gid: NUMBER,
    supplementary_group: ANY,
    path: PATH,
    sha256: DIGEST,
  },
  systemd: { id: ANY, fragment_path: PATH },
  docker: { label: ANY, env: ANY, image_id: ANY, image_digest: ANY },
}

/**
 * Selectors as they are kept: sorted, each once. Throws `selector_invalid` for what could never match; a type that this
 * version does not know may be that of another attestor.
 */
export function requireSelectors(texts: readonly string[]): readonly string[] {
  if (texts.length === 0) throw new LanyardError('selector_invalid', 'expected at least one selector')
  for (const text of texts) requireSelector(text)
  return [...new Set(texts)].sort()
}

function requireSelector(text: string): void {
  const [, type, kind, value] = FORM.exec(text) ?? []
  if (type === undefined || INVISIBLE.test(text))
    throw new LanyardError('selector_invalid', `expected type:kind:value, such as unix:uid:1001, got ${shown(text)}`)
  const kinds = own(KINDS, type)
  if (kinds === undefined) return
  const rule = own(kinds, kind!)
  if (rule === undefined)
    throw new LanyardError('selector_invalid', `${type}: expected ${Object.keys(kinds).join(', ')}, got ${kind}`)
  if (!rule.form.test(value!))
    throw new LanyardError('selector_invalid', `${type}:${kind}: expected ${rule.expected}, got ${shown(value!)}`)
}

// A name from outside may be one that every object has, such as `constructor`.
const own = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined

const shown = (text: string) => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
