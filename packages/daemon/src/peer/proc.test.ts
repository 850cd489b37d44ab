import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseOwner, parseStat, parseStatus, procIsOurs, statOf, statusOf } from './proc.ts'

const REST = '4 4 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 77 0 0'
const stat = (name: string, state = 'S', parent = '3') => `4 (${name}) ${state} ${parent} ${REST}\n`

test('fields of stat are those after the name, whatever the name is', () => {
  for (const name of ['node', 'a b', ') Z 1 (', '))) R 1', '', '(', 'x) S 9 9 9 9 (', 'ü', '\n'])
    assert.deepEqual(parseStat(stat(name)), { state: 'S', parent: 3, startTime: 77n }, name)
})

test('what is no stat is none', () => {
  const hostile = [
    '',
    ')',
    'x',
    stat('a', ''),
    stat('a', 'SS'),
    stat('a', 'S', '-1'),
    stat('a').slice(0, 20),
    '4 (a) S 3 4 4',
  ]
  for (const text of hostile) assert.equal(parseStat(text), null, JSON.stringify(text))
})

const status = (lines: readonly string[]) =>
  ['Name:\tnode', 'State:\tS (sleeping)', ...lines, 'VmPeak:\t 12 kB', ''].join('\n')
const IDS = ['Uid:\t0\t1001\t0\t0', 'Gid:\t5\t6\t7\t8', 'Groups:\t10 20 ']

test('the effective user and group count', () => {
  assert.deepEqual(parseStatus(status(IDS)), { uid: 1001, gid: 6, groups: [10, 20] })
  assert.deepEqual(parseStatus(status([IDS[0]!, IDS[1]!, 'Groups:\t ']))?.groups, [])
})

test('of two lines of one name the first counts', () => {
  assert.equal(parseStatus(status([...IDS, 'Uid:\t0\t0\t0\t0']))?.uid, 1001)
})

test('what is no status is none', () => {
  for (const lines of [
    [],
    IDS.slice(1),
    IDS.slice(0, 2),
    ['Uid:\t0\t0\t0', ...IDS.slice(1)],
    ['Uid:\t0\t-1\t0\t0', ...IDS.slice(1)],
    ['Uid:\t0\t99999999999\t0\t0', ...IDS.slice(1)],
    [IDS[0]!, IDS[1]!, 'Groups:\tx'],
  ])
    assert.equal(parseStatus(status(lines)), null, JSON.stringify(lines))
})

test('the owner stands in the beginning, and a line that was cut is none', () => {
  const text = status(IDS)
  assert.deepEqual(parseOwner(text), { state: 'S', uid: 1001, gid: 6 })
  const end = text.indexOf('Groups')
  assert.ok(parseOwner(text.slice(0, end)))
  for (let length = 0; length < end; length++) assert.equal(parseOwner(text.slice(0, length)), null, String(length))
})

test('a process that names itself like lines of its status changes none of them', () => {
  const title = process.title
  try {
    for (const name of ['x\nUid:\t0\t7', ') Z 1 1', '\nUid:\t7\t7\t7\t7']) {
      process.title = name
      assert.equal(statusOf(process.pid)?.uid, process.geteuid!(), JSON.stringify(name))
      assert.equal(statOf(process.pid)?.parent, process.ppid, JSON.stringify(name))
    }
  } finally {
    process.title = title
  }
})

test('/proc here shows the processes that we see', () => {
  assert.equal(procIsOurs(), true)
  assert.equal(statOf(2 ** 30), null)
  assert.equal(statusOf(2 ** 30), null)
})
