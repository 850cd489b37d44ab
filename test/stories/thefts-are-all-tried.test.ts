import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { attemptNamed } from '../support/theft/attempts.ts'

test('every attempt of the table is done by exactly one story', () => {
  const files = globSync('theft-*.test.ts', { cwd: import.meta.dirname })
  const text = files.map(file => readFileSync(`${import.meta.dirname}/${file}`, 'utf8')).join('\n')
  const done = [...text.matchAll(/^ {2}(?:'([^']+)'|([a-z]+)): async stage =>/gm)].map(
    ([, quoted, bare]) => quoted ?? bare,
  )
  assert.deepEqual(done.toSorted(), Object.keys(attemptNamed).toSorted())
})
