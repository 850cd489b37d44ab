import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pidfdFrom } from './pidfd.ts'

const failed = (name: string) => ({ ok: false, errno: 1, name }) as const

test('only a kernel that knows no descriptors of processes leads to the weaker way', () => {
  assert.equal(pidfdFrom({ ok: true, value: 7 }), 7)
  for (const name of ['ENOPROTOOPT', 'ENOSYS']) assert.equal(pidfdFrom(failed(name)), null)
})

test('a process that has ended is gone, and every other error is a failure', () => {
  for (const name of ['ESRCH', 'EINVAL', 'ENODATA'])
    assert.throws(() => pidfdFrom(failed(name)), { code: 'workload_gone' }, name)
  for (const name of ['EMFILE', 'ENFILE', 'ENOMEM', 'EPERM', 'EACCES', 'EBADF', 'short answer', 'error 999'])
    assert.throws(() => pidfdFrom(failed(name)), { code: 'attestation_failed' }, name)
})
