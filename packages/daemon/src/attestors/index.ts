import type { Attestor } from '../ports.ts'

/** Each attestor by its name: what makes it of its settings. */
const ATTESTORS = {} as const satisfies Record<string, (settings: never) => Attestor>

/** Settings of each attestor; `false` leaves it out. */
export type AttestorSettings = {
  readonly [Name in keyof typeof ATTESTORS]?: never
}

export function attestorsOf(_settings: AttestorSettings): readonly Attestor[] {
  return Object.values(ATTESTORS)
}
