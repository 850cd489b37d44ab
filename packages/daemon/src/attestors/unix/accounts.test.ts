import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Accounts, parseAccounts } from './accounts.ts'

test('names by number, the first of a number, and nothing of what is no account', () => {
  const names = parseAccounts(
    [
      'root:x:0:0::/root:/bin/sh',
      'toor:x:0:0::/:/bin/sh',
      '# a:x:7:',
      '+nis:x:8:',
      '-out:x:9:',
      ':x:10:',
      'a b:x:11:',
      'x:x:-1:',
      'x:x:1e3:',
      'x',
      'agent:x:1001:1001:::',
    ].join('\n'),
  )
  assert.deepEqual(
    [...names],
    [
      [0, 'root'],
      [1001, 'agent'],
    ],
  )
})

test('a changed file is read again, and without it there are no names', t => {
  const folder = mkdtempSync(join(tmpdir(), 'acct-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'passwd')
  const accounts = new Accounts(path)
  assert.deepEqual(accounts.nameOf(5), [])
  writeFileSync(path, 'one:x:5:5\n')
  assert.deepEqual(accounts.nameOf(5), ['one'])
  writeFileSync(path, 'another:x:5:5\n')
  assert.deepEqual(accounts.nameOf(5), ['another'])
  rmSync(path)
  assert.deepEqual(accounts.nameOf(5), [])
})
