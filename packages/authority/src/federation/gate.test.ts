import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

const root = new URL('../', import.meta.url).pathname

// The gate stands where lineages are stored, so that a new door cannot forget it.
test('lineages are stored in one place, which asks whether we may mint', () => {
  const storing = globSync('**/*.ts', { cwd: root })
    .filter(
      file => !file.endsWith('.test.ts') && /\blineages\s*\.insert\(/.test(readFileSync(`${root}${file}`, 'utf8')),
    )
    .map(file => file.replaceAll('\\', '/'))
  assert.deepEqual(storing, ['federation/gate.ts'])
})
