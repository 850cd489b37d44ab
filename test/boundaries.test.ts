import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { dependenciesOf, listed } from '../tools/dependencies.ts'

/** Who may import whom: a package may use what stands on lower floors, never beside or above. */
const FLOORS: Record<string, { readonly may: readonly string[]; readonly because: string }> = {
  protocol: { may: [], because: 'what the bytes mean depends on nothing' },
  api: { may: ['protocol'], because: 'what may be asked is data' },
  authority: { may: ['protocol', 'api'], because: 'decisions are pure: clock, dice and stores are ports' },
  policy: { may: ['protocol', 'api', 'sdk'], because: 'it carries an engine of its own, which not everybody wants' },
  server: { may: ['protocol', 'api', 'authority', 'policy'], because: 'it gives the ports their drivers' },
  sdk: { may: ['protocol'], because: 'it goes into the programs of others and stays tiny' },
  daemon: { may: ['protocol', 'api', 'sdk'], because: 'it may run as root, and has the smallest dependency list' },
  cli: { may: ['protocol', 'api', 'authority', 'policy', 'server', 'sdk', 'daemon'], because: 'it stands on top' },
}
const PURE = ['protocol', 'api', 'authority']
const IMPURE = [
  {
    pattern: /\bDate\.now\b|\bnew Date\(/,
    because: 'the time is a port: a decision must be repeatable on a test clock',
  },
  { pattern: /\bMath\.random\b/, because: 'dice are a port, and Math.random can be predicted' },
  { pattern: /from 'node:|\bprocess\.|\bBuffer\b|\bconsole\./, because: 'pure floors touch nothing outside' },
]
/** Made for tests, although no test by name. */
const TEST_SUPPORT = /\/(testing|suite)\/|\.child\.ts$/
/** What is imported from outside of the package, in each way of writing it. */
const IMPORTED = /(?:\bfrom |^import |\bimport\()'([^'.][^']*)'/gm
const ROOMS = /(^|\/)(utils?|common|shared|helpers?|misc|core)(\/|\.[a-z]+$)/

const sources = (name: string) =>
  globSync(`packages/${name}/src/**/*.ts`).filter(file => !/\.(test|suite)\.ts$/.test(file))

test('every package has a floor, and every listed package exists', () => {
  const present = globSync('packages/*/package.json').map(file => file.split('/')[1])
  assert.deepEqual(present.toSorted(), Object.keys(FLOORS).toSorted())
})

test('packages import from lower floors alone', () => {
  for (const [name, { may, because }] of Object.entries(FLOORS)) {
    for (const file of sources(name)) {
      for (const [, other] of readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*'@lanyard\/([a-z]+)/g)) {
        assert.ok(may.includes(other!), `${file} imports ${other}, but ${name} may not: ${because}`)
      }
    }
  }
})

test('packages import what their manifest lists, and nothing that merely happens to be installed', () => {
  for (const name of Object.keys(FLOORS)) {
    const { dependencies } = JSON.parse(readFileSync(`packages/${name}/package.json`, 'utf8'))
    const known = Object.keys(dependencies)
    for (const file of sources(name).filter(file => !TEST_SUPPORT.test(file))) {
      for (const [, imported] of readFileSync(file, 'utf8').matchAll(IMPORTED)) {
        if (imported!.startsWith('node:')) continue
        const listed = known.some(dependency => imported === dependency || imported!.startsWith(`${dependency}/`))
        assert.ok(listed, `${file} imports ${imported}, which packages/${name}/package.json does not list`)
      }
    }
  }
})

test('pure floors compile without Node, without a DOM and without types of others', () => {
  const base = JSON.parse(readFileSync('tsconfig.base.json', 'utf8')).compilerOptions
  assert.deepEqual([base.lib, base.types], [['esnext'], []])
  for (const name of PURE) {
    const own = JSON.parse(readFileSync(`packages/${name}/tsconfig.json`, 'utf8'))
    assert.equal(own.compilerOptions, undefined, `packages/${name}/tsconfig.json loosens what the base forbids`)
    assert.deepEqual(own.include, ['src'])
    const left = own.exclude.filter((path: string) => !/\.(test|suite)\.ts$/.test(path))
    assert.deepEqual(left, ['src/node'], `packages/${name}/tsconfig.json leaves files out`)
  }
})

test('packages reach into each other only through what they export', () => {
  for (const name of Object.keys(FLOORS)) {
    for (const file of sources(name)) {
      for (const [, target] of readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']*)'/g)) {
        const reached = join(dirname(file), target!)
        assert.ok(reached.startsWith(`packages/${name}/`), `${file} imports ${target}: use the package's name`)
      }
    }
  }
})

test('pure floors have no clock, no dice and no I/O', () => {
  for (const file of PURE.flatMap(sources).filter(file => !file.startsWith('packages/protocol/src/node/'))) {
    const code = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    for (const { pattern, because } of IMPURE) assert.doesNotMatch(code, pattern, `${file}: ${because}`)
  }
})

test('no room has a name that cannot say no', () => {
  const files = globSync('{packages,test,tools,bench}/**/*.{ts,mjs}', { exclude: path => path === 'node_modules' })
  assert.deepEqual(
    // Generated code lies where the names of its protocols put it.
    files.filter(file => ROOMS.test(file) && !file.startsWith('packages/daemon/gen/')),
    [],
  )
})

test('each shipped program has exactly the dependencies that are listed beside it', () => {
  for (const name of listed) {
    const file = `packages/${name}/DEPENDENCIES.txt`
    assert.ok(existsSync(file), `${file} is missing: npm run dependencies`)
    assert.equal(readFileSync(file, 'utf8'), dependenciesOf(name), `${file} is out of date: npm run dependencies`)
  }
})

test('the lock file says nothing that would warn a newcomer', () => {
  const text = readFileSync('package-lock.json', 'utf8')
  const entries = Object.entries<Record<string, unknown>>(JSON.parse(text).packages)
  for (const [name, entry] of entries) {
    assert.equal(entry.engines, undefined, `${name} has engines: run npm run lock`)
    assert.equal(entry.hasInstallScript, undefined, `${name} has an install script`)
    assert.equal(entry.deprecated, undefined, `${name} is deprecated`)
  }
  assert.doesNotMatch(text, /"resolved": "https?:/, 'the lock file names a registry host')
})
