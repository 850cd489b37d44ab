import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { VERSION } from './version.ts'

// What a command loads is what its start costs; time itself is no measure on a machine that others use too.

const MAIN = new URL('./main.ts', import.meta.url).pathname
const LAUNCHER = new URL('../bin/lanyard.mjs', import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), 'lanyard-startup-'))
after(() => rmSync(folder, { recursive: true }))

const hook = join(folder, 'hook.mjs')
writeFileSync(
  hook,
  `import { registerHooks } from 'node:module'
   const urls = []
   registerHooks({ load(url, context, next) { if (url.startsWith('file:')) urls.push(url); return next(url, context) } })
   process.on('exit', () => process.stderr.write('\\nloaded ' + JSON.stringify(urls)))`,
)

function loadedBy(...args: string[]): string[] {
  const { stderr } = spawnSync(process.execPath, ['--import', hook, MAIN, ...args], { encoding: 'utf8' })
  return JSON.parse(stderr.split('\nloaded ')[1]!)
}

test('the version comes through the launcher', () => {
  const { stdout, status } = spawnSync(process.execPath, [LAUNCHER, '--version'], { encoding: 'utf8' })
  assert.equal(stdout, `lanyard ${VERSION}\n`)
  assert.equal(status, 0)
})

test('--version and help load a handful of files, and no package', () => {
  for (const args of [['--version'], ['help'], ['--help']]) {
    const loaded = loadedBy(...args)
    assert.ok(loaded.length <= 12, `${args}: ${loaded.length} files`)
    assert.deepEqual(
      loaded.filter(url => !url.includes('/packages/cli/')),
      [],
    )
  }
})

const LEAN: readonly (readonly [line: string, packages: readonly string[]])[] = [
  [`verify ${folder}/none --roots ${folder}/none`, ['cli', 'protocol', 'api']],
  [`verify ${hook} --roots ${hook}`, ['cli', 'protocol']],
  [`inspect ${hook} --help`, ['cli', 'protocol']],
  ['tenant create --help', ['cli']],
  ['agent list --help', ['cli']],
  ['events --help', ['cli']],
  ['kill --help', ['cli']],
  ['reinstate --help', ['cli']],
]

for (const [line, packages] of LEAN)
  test(`lanyard ${line.replaceAll(folder, 'DIR')} loads ${packages.join(', ')} and nothing else of ours`, () => {
    const loaded = loadedBy(...line.split(' '))
    const ours = new Set(loaded.flatMap(url => /\/packages\/(\w+)\//.exec(url)?.[1] ?? []))
    assert.deepEqual(ours, new Set(packages))
    // The schemas come with the catalogue of errors, for a refusal alone.
    const others = loaded.filter(
      url => url.includes('/node_modules/') && !(packages.includes('api') && url.includes('/zod/')),
    )
    assert.deepEqual(others, [])
  })
