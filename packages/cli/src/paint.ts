/** Marks parts of a text for a person; without colours each gives its text back. */
export interface Paint {
  readonly strong: (text: string) => string
  readonly faint: (text: string) => string
  readonly good: (text: string) => string
  readonly warning: (text: string) => string
  readonly bad: (text: string) => string
}

const sequence = (open: number, close: number) => (text: string) => `\x1b[${open}m${text}\x1b[${close}m`
const asIs = (text: string) => text

const COLOURS: Paint = {
  strong: sequence(1, 22),
  faint: sequence(2, 22),
  good: sequence(32, 39),
  warning: sequence(33, 39),
  bad: sequence(31, 39),
}
export const PLAIN: Paint = { strong: asIs, faint: asIs, good: asIs, warning: asIs, bad: asIs }

/** Colours only where a person watches and did not ask for none (no-color.org). */
export function paintFor(
  writer: { readonly isTTY: boolean },
  env: Readonly<Record<string, string | undefined>>,
  wanted: boolean,
): Paint {
  return wanted && writer.isTTY && !env.NO_COLOR && env.TERM !== 'dumb' ? COLOURS : PLAIN
}
