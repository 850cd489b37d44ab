import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createPrivateFile, openPrivateFolder, readPrivateFile, replacePrivateFile } from './private-files.ts'

const base = mkdtempSync(join(tmpdir(), 'lanyard-files-'))
after(() => rmSync(base, { recursive: true }))
let count = 0
const newFolder = () => join(base, `folder-${++count}`)
const modeOf = (path: string) => statSync(path).mode & 0o777

test('a folder that is not there is made for its owner alone, whatever the umask', () => {
  const folder = join(newFolder(), 'below')
  openPrivateFolder(folder)
  assert.equal(modeOf(folder), 0o700)
})

test('a folder or file that others can use is refused and left as it is', () => {
  for (const mode of [0o755, 0o750, 0o701, 0o710, 0o770, 0o777]) {
    const folder = newFolder()
    mkdirSync(folder)
    chmodSync(folder, mode)
    assert.throws(() => openPrivateFolder(folder), { code: 'permissions_too_wide' }, mode.toString(8))
    assert.equal(modeOf(folder), mode)
  }
  for (const mode of [0o644, 0o640, 0o604, 0o601, 0o660, 0o700]) {
    const folder = newFolder()
    openPrivateFolder(folder)
    const file = join(folder, 'any')
    writeFileSync(file, '')
    chmodSync(file, mode)
    assert.throws(() => openPrivateFolder(folder), { code: 'permissions_too_wide' }, mode.toString(8))
    assert.throws(() => readPrivateFile(file), { code: 'permissions_too_wide' }, mode.toString(8))
    assert.equal(modeOf(file), mode)
  }
})

test('narrower is fine, and what is no file is nobody of ours', () => {
  const folder = newFolder()
  openPrivateFolder(folder)
  writeFileSync(join(folder, 'read-only'), '', { mode: 0o400 })
  mkdirSync(join(folder, 'below'), { mode: 0o755 })
  openPrivateFolder(folder)
})

test('a file or a link in place of the folder is refused', () => {
  const file = newFolder()
  writeFileSync(file, '', { mode: 0o600 })
  assert.throws(() => openPrivateFolder(file), { code: 'config_invalid' })
  assert.throws(() => openPrivateFolder(join(file, 'below')), { code: 'config_invalid' })
  const target = newFolder()
  openPrivateFolder(target)
  const link = newFolder()
  symlinkSync(target, link)
  assert.throws(() => openPrivateFolder(link), { code: 'config_invalid' })
})

test('a link or a pipe in the folder is refused, wherever it leads', () => {
  for (const plant of [
    (path: string) => symlinkSync(join(base, 'nowhere'), path),
    (path: string) => symlinkSync('/dev/null', path),
    (path: string) => symlinkSync(base, path),
    (path: string) => execFileSync('mkfifo', ['-m', '600', path]),
  ]) {
    const folder = newFolder()
    openPrivateFolder(folder)
    plant(join(folder, 'lanyard.db'))
    assert.throws(() => openPrivateFolder(folder), { code: 'config_invalid' })
  }
})

test('files are made once, replaced whole, and readable by their owner alone', () => {
  const folder = newFolder()
  openPrivateFolder(folder)
  const file = join(folder, 'a')
  createPrivateFile(file, 'one')
  assert.throws(() => createPrivateFile(file, 'two'), { code: 'EEXIST' })
  assert.equal(readPrivateFile(file), 'one')
  replacePrivateFile(file, 'three')
  assert.equal(readFileSync(file, 'utf8'), 'three')
  assert.equal(modeOf(file), 0o600)
  assert.deepEqual(readdirSync(folder), ['a'])
  assert.equal(readPrivateFile(join(folder, 'b')), null)
})

test('a replacement that a crash left half-written does not stand in the way', () => {
  const folder = newFolder()
  openPrivateFolder(folder)
  writeFileSync(join(folder, '.a.new'), 'half', { mode: 0o600 })
  replacePrivateFile(join(folder, 'a'), 'whole')
  assert.deepEqual(readdirSync(folder), ['a'])
})
