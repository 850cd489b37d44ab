import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readInput, readSecret, writeFiles } from './files.ts'
import { Misuse, Refusal } from './problem.ts'

const base = mkdtempSync(join(tmpdir(), 'lanyard-files-'))
after(() => rmSync(base, { recursive: true }))

test('files take the place of older ones with their own modes, whatever the umask says', () => {
  const folder = join(base, 'a', 'b')
  const before = process.umask(0)
  writeFiles([{ path: join(folder, 'key'), content: 'one', mode: 0o600 }])
  process.umask(before)
  writeFiles([
    { path: join(folder, 'key'), content: 'two', mode: 0o600 },
    { path: join(folder, 'cert'), content: new TextEncoder().encode('public'), mode: 0o644 },
  ])
  assert.equal(readFileSync(join(folder, 'key'), 'utf8'), 'two')
  assert.equal(statSync(join(folder, 'key')).mode & 0o777, 0o600)
  assert.equal(statSync(folder).mode & 0o077, 0)
  assert.deepEqual(readdirSync(folder).toSorted(), ['cert', 'key'])
})

test('a file that cannot be written leaves the others as they were, and nothing behind', () => {
  const folder = join(base, 'c')
  writeFiles([{ path: join(folder, 'key'), content: 'old', mode: 0o600 }])
  writeFileSync(join(folder, 'file'), '')
  const files = [
    { path: join(folder, 'key'), content: 'new', mode: 0o600 },
    { path: join(folder, 'file', 'below'), content: 'x', mode: 0o600 },
  ]
  assert.throws(
    () => writeFiles(files),
    error => error instanceof Refusal && error.problem.code === 'file_unwritable',
  )
  assert.equal(readFileSync(join(folder, 'key'), 'utf8'), 'old')
  assert.deepEqual(readdirSync(folder).toSorted(), ['file', 'key'])
})

// A limit on the size of files stands for a full disk: the kernel takes what has room, and refuses only the rest.
test('a file for which the disk has room in part is not written at all', () => {
  const folder = join(base, 'full')
  writeFiles([{ path: join(folder, 'key'), content: 'old', mode: 0o600 }])
  const script = `
    import { writeFiles } from ${JSON.stringify(new URL('files.ts', import.meta.url).href)}
    const [path] = process.argv.slice(-1)
    try { writeFiles([{ path, content: 'x'.repeat(100_000), mode: 0o600 }]) } catch (error) { console.log(error.problem.code) }`
  const limited = `trap '' XFSZ; ulimit -f 8; exec "$0" --input-type=module-typescript -e "$1" "$2"`
  const said = execFileSync('/bin/sh', ['-c', limited, process.execPath, script, join(folder, 'key')], {
    encoding: 'utf8',
  })
  assert.equal(said, 'file_unwritable\n')
  assert.equal(readFileSync(join(folder, 'key'), 'utf8'), 'old')
  assert.deepEqual(readdirSync(folder), ['key'])
})

test('a file that the command line names and that cannot be read is misuse', () => {
  mkdirSync(join(base, 'folder'))
  for (const path of [join(base, 'none'), join(base, 'folder')]) assert.throws(() => readInput(path, '--roots'), Misuse)
})

test('a secret is one word, with or without a newline', () => {
  const file = join(base, 'secret')
  for (const [content, secret] of [
    ['word\n', 'word'],
    ['word', 'word'],
    ['  word \r\n', 'word'],
  ] as const) {
    writeFileSync(file, content)
    assert.equal(readSecret(file, '--api-key-file'), secret)
  }
  for (const content of ['', '\n', 'two words', 'two\nlines']) {
    writeFileSync(file, content)
    assert.throws(() => readSecret(file, '--api-key-file'), Misuse, JSON.stringify(content))
  }
})
