import { homedir } from 'node:os'
import type { Io, Writer } from './io.ts'
import { stopSignal } from './stop-signals.ts'

/** The world of a real process. */
export function processIo(): Io {
  // A reader that went away (`lanyard events | head`) is not an error of ours.
  process.stdout.on('error', error => {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit(0)
    throw error
  })
  return {
    out: writer(process.stdout),
    err: writer(process.stderr),
    env: process.env,
    cwd: process.cwd(),
    home: homedir(),
    now: Date.now,
    read: readAll,
    ask: process.stdin.isTTY && process.stderr.isTTY ? ask : null,
    stopped,
  }
}

const writer = (stream: NodeJS.WriteStream): Writer => ({
  write: text => void stream.write(text),
  isTTY: stream.isTTY === true,
})

async function readAll(): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of process.stdin) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Questions go to stderr, since stdout is for results. */
async function ask(question: string): Promise<string> {
  const { createInterface } = await import('node:readline/promises')
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await lines.question(question)
  } finally {
    lines.close()
  }
}

let stopping: AbortSignal | undefined

function stopped(): AbortSignal {
  stopping ??= stopSignal(process, () => process.exit(130))
  return stopping
}
