import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '@lanyard/server'
import { EXAMPLE } from '../tools/reference/configuration.ts'
import { REFERENCE, referencePages } from '../tools/reference/pages.ts'

for (const [name, text] of Object.entries(await referencePages()))
  test(`docs/reference/${name} says what the source says`, () => {
    const due = 'it is out of date: npm run docs'
    assert.ok(readFileSync(new URL(name, REFERENCE), 'utf8') === text, due)
  })

test('the example in the configuration page is usable', t => {
  const folder = mkdtempSync(join(tmpdir(), 'lanyard-example-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(`${folder}/lanyard.yaml`, EXAMPLE.join('\n'))
  assert.equal(loadConfig({ cwd: folder, env: {} }).config.retention.events_days, 365)
})
