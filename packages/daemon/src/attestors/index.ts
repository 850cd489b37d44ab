import type { Attestor } from '../ports.ts'
import { dockerAttestor } from './docker/index.ts'
import { systemdAttestor } from './systemd/index.ts'
import { unixAttestor } from './unix/index.ts'

/** Each attestor by its name: what makes it of its settings. One line here, one folder, one page in docs/attestors. */
const ATTESTORS = {
  unix: unixAttestor,
  systemd: systemdAttestor,
  docker: dockerAttestor,
} as const

type Attestors = typeof ATTESTORS
export type AttestorName = keyof Attestors

/** Settings of each attestor by its name; `false` leaves it out; absent: its defaults. */
export type AttestorSettings = { readonly [Name in AttestorName]?: Parameters<Attestors[Name]>[0] | false }

export const ATTESTOR_NAMES = Object.keys(ATTESTORS) as readonly AttestorName[]

/** The attestors that these settings name, and those that they do not speak of. */
export function attestorsOf(settings: AttestorSettings): readonly Attestor[] {
  return ATTESTOR_NAMES.flatMap(name => {
    const own = settings[name]
    return own === false ? [] : [ATTESTORS[name](own ?? {})]
  })
}
