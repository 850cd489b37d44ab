import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requireDnsNames } from './dns-names.ts'

test('host names lie at or under a suffix', () => {
  requireDnsNames([], [])
  requireDnsNames(['svc.test', 'a.svc.test', 'x.y.other.test'], ['svc.test', 'other.test'])
})

test('every other name is refused', () => {
  const table: [string, string[], string[]][] = [
    ['no suffix is configured', ['a.svc.test'], []],
    ['elsewhere', ['a.example.com'], ['svc.test']],
    ['ends with the letters of a suffix', ['evilsvc.test'], ['svc.test']],
    ['above the suffix', ['test'], ['svc.test']],
    ['in upper case', ['A.svc.test'], ['svc.test']],
    ['a wildcard', ['*.svc.test'], ['svc.test']],
    ['a dot at the end', ['a.svc.test.'], ['svc.test']],
    ['an empty label', ['a..svc.test'], ['svc.test']],
    ['not ASCII', ['\u212a.svc.test'], ['svc.test']],
    ['a zero byte', ['a.svc.test\0.svc.test'], ['svc.test']],
    ['an address', ['10.0.0.1'], ['svc.test']],
    ['twice the same', ['a.svc.test', 'a.svc.test'], ['svc.test']],
  ]
  for (const [why, names, suffixes] of table)
    assert.throws(() => requireDnsNames(names, suffixes), { code: 'dns_name_forbidden' }, why)
})
