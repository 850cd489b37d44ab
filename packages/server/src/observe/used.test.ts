import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { SERVER_METRICS } from '@lanyard/api'

test('nothing stands in the docs that an instance never counts', () => {
  const source = globSync(`${import.meta.dirname}/../**/*.ts`)
    .filter(file => !/\.(test|suite)\.ts$/.test(file))
    .map(file => readFileSync(file, 'utf8'))
    .join('\n')
  for (const name of Object.keys(SERVER_METRICS))
    assert.match(source, new RegExp(`(\\.(count|time|gauge)\\(\\s*|\\[)'${name}'`), `${name} is never measured`)
})
