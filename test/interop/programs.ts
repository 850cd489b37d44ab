import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { folderOf, isMade, type Program } from '../../tools/interop.ts'
import type { Json } from '../support/lanyard-up.ts'

const SOURCES = new URL('./clients/', import.meta.url).pathname
const PROTO = new URL('../../packages/daemon/proto/workload.proto', import.meta.url).pathname

/** How a program is called; `script` is another one of the same folder. */
function commandOf(name: Program, script?: string): readonly string[] {
  const made = folderOf(name)
  switch (name) {
    case 'go-spiffe':
      return [join(made, 'client')]
    case 'spiffe-helper':
      return [join(made, 'spiffe-helper')]
    case 'python':
      return ['python3', join(SOURCES, 'python', script ?? 'client.py')]
    case 'java':
      return ['java', '-XX:TieredStopAtLevel=1', '-cp', `${made}/lib/*:${made}/classes`, 'Client']
    case 'grpc-js':
      return [process.execPath, join(made, 'client.mjs'), PROTO]
    case 'envoy':
      return [join(made, 'envoy/_bin/envoy')]
    default:
      throw new TypeError(`unknown program ${name satisfies never}`)
  }
}

/** Reason to skip a test of a program that is not made here. */
export const skipUnless = (name: Program): { readonly skip: string | false } => ({
  skip: isMade(name) ? false : `${name} is not made here: npm run interop`,
})

export interface Started {
  readonly child: ChildProcess
  /** The next object that it prints; throws when it ends before. */
  next(): Promise<Json>
  /** Objects until one fits, which comes back. */
  until(fits: (said: Json) => boolean): Promise<Json>
  /** Closes its standard input, waits for its end and gives its exit code. */
  end(): Promise<number | null>
  /** What it wrote to the standard error. */
  errors(): string
}

/** Starts a program of others with the Workload API at `socket`. */
export function start(name: Program, socket: string, args: readonly string[], script?: string): Started {
  const [command, ...before] = commandOf(name, script)
  const env = { ...process.env, SPIFFE_ENDPOINT_SOCKET: `unix://${socket}`, PYTHONPATH: folderOf('python') }
  const child = spawn(command!, [...before, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', text => (errors += text))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const closed = once(child, 'close')
  const next = async () => {
    for (;;) {
      const { value, done } = await lines.next()
      if (done) throw new Error(`${name} ended without an answer:\n${errors}`)
      if (value.startsWith('{')) return JSON.parse(value) as Json
    }
  }
  return {
    child,
    next,
    async until(fits) {
      for (;;) {
        const said = await next()
        if (fits(said)) return said
      }
    },
    async end() {
      child.stdin.end()
      const [code] = await closed
      return code as number | null
    },
    errors: () => errors,
  }
}

/** The first object that a program prints; throws what it says instead. */
export async function ask(name: Program, socket: string, args: readonly string[], script?: string): Promise<Json> {
  const started = start(name, socket, args, script)
  const said = await started.next()
  await started.end()
  if (said.error !== undefined) throw new Error(`${name} ${args.join(' ')}: ${said.error}`)
  return said
}
