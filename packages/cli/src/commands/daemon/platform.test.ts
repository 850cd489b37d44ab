import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '../../problem.ts'
import { requireLinux } from './platform.ts'

test('the daemon is for Linux alone', () => {
  requireLinux('linux')
  for (const platform of ['darwin', 'win32', 'freebsd'] as const)
    assert.throws(
      () => requireLinux(platform),
      error => error instanceof Refusal && error.problem.code === 'platform_unsupported',
      platform,
    )
})
