import type { Paint } from './paint.ts'

/**
 * A value as it may be shown at a terminal: names, labels and certificates come from others, and an escape sequence in
 * them could rewrite what stands on the screen.
 */
export function visible(value: unknown): string {
  const text = value === null || value === undefined ? '-' : String(value)
  // Controls, and the characters that turn the direction of writing (Unicode TR 36).
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Rows of names and values, the values in one column. */
export function card(rows: readonly (readonly [name: string, value: unknown])[], paint: Paint): string {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${paint.faint(name.padEnd(width))}  ${visible(value)}`).join('\n')
}

/** Rows under headings, each column as wide as its widest value. */
export function table(headings: readonly string[], rows: readonly (readonly unknown[])[], paint: Paint): string {
  const cells = rows.map(row => row.map(visible))
  const widths = headings.map((heading, i) => Math.max(heading.length, ...cells.map(row => row[i]!.length)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd()
  return [paint.faint(line(headings)), ...cells.map(line)].join('\n')
}

/** Words on as many lines as they need. */
export function wrapped(words: readonly string[], width = 96): readonly string[] {
  const lines: string[] = []
  for (const word of words) {
    const last = lines.at(-1)
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines.length > 0 ? lines : ['']
}

/** A length of time: `4 min 12 s`, `3 d 2 h`. */
export function duration(seconds: number): string {
  const whole = Math.abs(Math.round(seconds))
  const parts = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ] as const
  const from = parts.findIndex(([count]) => count > 0)
  if (from < 0) return '0 s'
  const shown = parts.slice(from, from + 2).filter(([count]) => count > 0)
  return shown.map(([count, unit]) => `${count} ${unit}`).join(' ')
}

/** RFC 3339 in UTC, whole seconds. */
export const rfc3339 = (milliseconds: number): string => new Date(milliseconds).toISOString().replace(/\.\d{3}Z$/, 'Z')

/** A short time, such as a latency: `34 ms`, `2.1 s`. */
export const brief = (ms: number): string =>
  Math.abs(ms) < 1000
    ? `${Math.round(ms)} ms`
    : Math.abs(ms) < 10_000
      ? `${(ms / 1000).toFixed(1)} s`
      : duration(ms / 1000)

/** `1 point`, `2 points`. */
export const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`
