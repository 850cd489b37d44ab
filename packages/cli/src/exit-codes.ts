/** How the program ends: name → code and what it tells a script. */
export const EXIT = {
  ok: { code: 0, means: 'Done; for `verify`: the chain is valid; for `doctor`: nothing failed.' },
  refused: { code: 1, means: 'Refused or failed, with a code; for `verify`: the chain is not valid.' },
  misuse: { code: 2, means: 'The command line, the configuration or a file that it names cannot be used.' },
  unavailable: {
    code: 3,
    means: 'The authority cannot be reached, is not ready or asks to wait; the same call may succeed later.',
  },
  unconfirmed: {
    code: 4,
    means: 'The kill is durable, but not every enforcement point has confirmed it: some are silent, or best effort.',
  },
  fault: { code: 70, means: 'A fault of Lanyard itself; please report it.' },
} as const

export type Exit = keyof typeof EXIT

/** What a shell says of a program that Ctrl-C ended. */
export const STOPPED = 130
