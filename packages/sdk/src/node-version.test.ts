import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { requireNode } from './node-version.ts'

test('a Node.js that is too old is told so by its name', () => {
  for (const version of ['20.20.2', '22.18.0', '18.0.0', ''])
    assert.throws(() => requireNode(version), {
      message: `@lanyard/sdk needs Node.js 22.19 or later, this is ${version}`,
    })
  for (const version of ['22.19.0', '22.20.1', '23.0.0', '26.10.0']) requireNode(version)
})

test('it is looked at before anything else is loaded', () => {
  const [first] = readFileSync(new URL('index.ts', import.meta.url), 'utf8').split('\n')
  assert.equal(first, "import './node-version.ts'")
})
