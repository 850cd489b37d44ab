import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requireDnsNames } from './dns-names.ts'

test('host names lie at or under a suffix', () => {
  requireDnsNames([], { dnsSuffixes: [] })
  requireDnsNames(['svc.test', 'a.svc.test', 'x.y.other.test'], { dnsSuffixes: ['svc.test', 'other.test'] })
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
  for (const [why, names, dnsSuffixes] of table)
    assert.throws(() => requireDnsNames(names, { dnsSuffixes }), { code: 'dns_name_forbidden' }, why)
})

test('no workload has a name of the authority itself, wherever that lies', () => {
  const rules = { dnsSuffixes: ['svc.test'], ownHosts: ['localhost', 'lanyard.svc.test'] }
  requireDnsNames(['svc.test', 'a.svc.test', 'a.lanyard.svc.test'], rules)
  assert.throws(() => requireDnsNames(['a.svc.test', 'lanyard.svc.test'], rules), { code: 'dns_name_forbidden' })
})
