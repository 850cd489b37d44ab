// Format, lint, types and boundaries: `npm run check`. Runs every step, prints each with its time, fails if one fails.
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import process from 'node:process'

const projects = [
  'tsconfig.json',
  ...globSync('packages/*/tsconfig.json'),
  ...globSync('packages/*/src/node/tsconfig.json'),
]
// Biome colours what goes into a file too, and shows blanks as dots there.
const plain = process.stdout.isTTY ? [] : ['--colors=off']
const bin = (name: string) => `node_modules/.bin/${name}`
const steps: [string, string, string[]][] = [
  ['format and lint', bin('biome'), ['ci', '--error-on-warnings', ...plain, '.']],
  ...projects.map((project): [string, string, string[]] => [`types: ${project}`, bin('tsc'), ['-p', project]]),
  ['boundaries', process.execPath, ['--test', '--test-reporter=dot', 'test/boundaries.test.ts']],
]

let failures = 0
for (const [name, command, args] of steps) {
  const start = performance.now()
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  console.log(`${status === 0 ? '✓' : '✖'} ${name} (${seconds} s)`)
  if (status !== 0) {
    failures += 1
    console.error(`${stdout}${stderr}`)
  }
}
process.exitCode = failures > 0 ? 1 : 0
