import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { LANYARD_FLAGS } from '../../tools/node.mjs'
import type { LanyardUp } from './lanyard-up.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const MAIN = join(ROOT, 'packages/cli/src/main.ts')

/** A page of docs/guides: its TypeScript programs, and its command lines of `lanyard`, in order. */
export function readGuide(name: string): {
  readonly programs: readonly string[]
  readonly commands: readonly string[]
  /** Every line that is typed, with variables before a command too. */
  readonly lines: readonly string[]
} {
  const page = readFileSync(join(ROOT, 'docs/guides', name), 'utf8')
  const blocks = (kind: string) =>
    [...page.matchAll(new RegExp(`\`\`\`${kind}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, code]) => code!)
  const lines = blocks('sh')
    .flatMap(block => block.split('\n'))
    .filter(line => line !== '')
    .map(line => line.replace(/\bnpx lanyard\b/, 'lanyard'))
  return { programs: blocks('ts'), commands: lines.filter(line => line.startsWith('lanyard ')), lines }
}

export interface Ran {
  readonly exit: number
  readonly out: string
  readonly err: string
}

/**
 * Where the commands of a guide are typed: a folder under the project's own, so that programs find `@lanyard/sdk`, with
 * a `lanyard` on the path, a home of its own, and the data folder of the authority as `lanyard-data`.
 */
export class Desk {
  readonly folder: string
  readonly #authority: LanyardUp
  readonly #running: ChildProcess[] = []

  constructor(authority: LanyardUp) {
    mkdirSync(join(ROOT, '.cache'), { recursive: true })
    this.folder = mkdtempSync(join(ROOT, '.cache', 'desk-'))
    this.#authority = authority
    mkdirSync(join(this.folder, 'bin'))
    const command = [process.execPath, ...LANYARD_FLAGS, MAIN].map(word => `'${word}'`).join(' ')
    writeFileSync(join(this.folder, 'bin/lanyard'), `#!/bin/sh\nexec ${command} "$@"\n`, { mode: 0o755 })
    symlinkSync(authority.data, join(this.folder, 'lanyard-data'))
  }

  /** One line, by a shell. `heard` gets what it tells a person meanwhile. */
  async type(line: string, heard: (text: string) => void = () => undefined): Promise<Ran> {
    const child = spawn('sh', ['-c', line], { cwd: this.folder, env: this.#env(), stdio: ['ignore', 'pipe', 'pipe'] })
    this.#running.push(child)
    child.stderr.on('data', chunk => heard(String(chunk)))
    const [out, err, [exit]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
    return { exit: exit as number, out, err }
  }

  /** Starts a program of a guide as an agent, with a token of its own; gives its lines as they come. */
  async start(
    tenant: string,
    agent: string,
    code: string,
  ): Promise<{ child: ChildProcess; lines: AsyncIterator<string> }> {
    const { token } = await this.#authority.call('POST', '/v1/agent/bootstrap', { tenant, agent })
    const file = join(this.folder, `${agent}-${this.#running.length}.ts`)
    writeFileSync(file, code)
    const { url, root_sha256 } = this.#authority.ready
    const env = { ...process.env, LANYARD_URL: url, LANYARD_ROOT_SHA256: root_sha256, LANYARD_TOKEN: token }
    const child = spawn(process.execPath, [...LANYARD_FLAGS, file], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    this.#running.push(child)
    return { child, lines: createInterface(child.stdout!)[Symbol.asyncIterator]() }
  }

  remove(): void {
    for (const child of this.#running) child.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }

  #env(): NodeJS.ProcessEnv {
    const { url, root_sha256 } = this.#authority.ready
    return {
      ...process.env,
      PATH: `${join(this.folder, 'bin')}:${process.env.PATH}`,
      HOME: this.folder,
      LANYARD_URL: url,
      LANYARD_ROOT_SHA256: root_sha256,
      LANYARD_API_KEY: this.#authority.adminKey,
    }
  }
}
