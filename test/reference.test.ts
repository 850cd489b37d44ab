import assert from 'node:assert/strict'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
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

test('every link between the pages leads to a file', () => {
  const pages = globSync(['*.md', 'docs/**/*.md', 'packages/*/README.md'])
  assert.ok(pages.length > 30)
  for (const page of pages) {
    for (const [, target] of readFileSync(page, 'utf8').matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g))
      assert.ok(existsSync(join(dirname(page), target!)), `${page} links to ${target}, which is not there`)
  }
})
