import assert from 'node:assert/strict'
import { test } from 'node:test'
import { claimAt } from './claim-at.ts'

const CLAIMS = {
  sub: 'worker',
  'https://example.com/roles': ['a', 'b'],
  'kubernetes.io': { namespace: 'prod', serviceaccount: { name: 'worker', 'a/b': 1, 'c~d': 2 } },
  '': 'empty',
  nothing: null,
}

const CASES: [path: string, value: unknown][] = [
  ['sub', 'worker'],
  ['https://example.com/roles', ['a', 'b']],
  ['kubernetes.io', CLAIMS['kubernetes.io']],
  ['/kubernetes.io/serviceaccount/name', 'worker'],
  ['/kubernetes.io/serviceaccount/a~1b', 1],
  ['/kubernetes.io/serviceaccount/c~0d', 2],
  ['/https:~1~1example.com~1roles/1', 'b'],
  ['/', 'empty'],
  ['nothing', null],
  ['/nothing/more', undefined],
  ['absent', undefined],
  ['/absent/deeper', undefined],
  ['/sub/length', undefined],
  ['/https:~1~1example.com~1roles/length', undefined],
  ['/https:~1~1example.com~1roles/-', undefined],
  ['/https:~1~1example.com~1roles/01', undefined],
  ['/kubernetes.io/serviceaccount/c~2d', undefined],
  ['/sub~', undefined],
  ['constructor', undefined],
  ['toString', undefined],
  ['__proto__', undefined],
  ['/kubernetes.io/__proto__/toString', undefined],
  ['/constructor/name', undefined],
]

test('a claim is found by its name or by a pointer, and nothing else is', () => {
  for (const [path, value] of CASES) assert.deepEqual(claimAt(CLAIMS, path), value, path)
})
