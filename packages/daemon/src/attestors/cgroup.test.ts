import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cgroupsOf, isWithin, parseCgroups } from './cgroup.ts'

test('lines of both versions are read', () => {
  const text = '12:cpu,cpuacct:/a\n1:name=systemd:/system.slice/x.service\n0::/b:c\n'
  assert.deepEqual(parseCgroups(text), [
    { hierarchy: 'cpu,cpuacct', path: '/a' },
    { hierarchy: 'name=systemd', path: '/system.slice/x.service' },
    { hierarchy: '', path: '/b:c' },
  ])
})

test('what leads out of what we see, or was removed, is no control group', () => {
  for (const path of ['/../x.service', '/..', '/a/../b', '/x.service (deleted)', 'x', ''])
    assert.deepEqual(parseCgroups(`0::${path}\n`), [], path)
})

test('a path is within its ancestor, and not within one that merely begins alike', () => {
  assert.ok(isWithin('/a', '/a') && isWithin('/a/b', '/a'))
  assert.ok(!isWithin('/ab', '/a') && !isWithin('/', '/a'))
})

test('a process that is no more is in none', () => assert.deepEqual(cgroupsOf(2 ** 30), []))
