import type { Io } from '../io.ts'
import { run } from '../program.ts'

export interface Ran {
  readonly exit: number
  readonly out: string
  readonly err: string
}

export interface World {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  readonly home?: string
  readonly stdin?: string | Uint8Array
  /** Both writers are terminals. */
  readonly terminal?: boolean
  readonly answers?: readonly string[]
  readonly stop?: AbortSignal
  readonly now?: () => number
  /** Called with each piece of standard output, for commands that go on. */
  readonly onOut?: (text: string) => void
}

/** Runs one command line in this process, in a world of its own. */
export async function lanyard(args: readonly string[], world: World = {}): Promise<Ran> {
  let out = ''
  let err = ''
  const answers = [...(world.answers ?? [])]
  const io: Io = {
    out: {
      isTTY: world.terminal ?? false,
      write: text => {
        out += text
        world.onOut?.(text)
      },
    },
    err: {
      isTTY: world.terminal ?? false,
      write: text => {
        err += text
      },
    },
    env: world.env ?? {},
    cwd: world.cwd ?? '/nowhere',
    home: world.home ?? '/nowhere',
    now: world.now ?? Date.now,
    read: async () => Buffer.from(world.stdin ?? ''),
    ask: world.answers ? async () => answers.shift() ?? '' : null,
    stopped: () => world.stop ?? new AbortController().signal,
  }
  return { exit: await run(args, io), out, err }
}
