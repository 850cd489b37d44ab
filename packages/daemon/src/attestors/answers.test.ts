import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeProcess } from '../testing/process.ts'
import { Answers } from './answers.ts'

/** Questions that the test answers. */
function questions() {
  const open: { readonly key: string; answer(value: string): void; fail(): void }[] = []
  const ask = (key: string) =>
    new Promise<string>((answer, reject) => open.push({ key, answer, fail: () => reject(new Error('no answer')) }))
  return { open, ask }
}
const startedAt = (ticks: bigint) => new FakeProcess(7, { startTime: ticks })
const settle = () => new Promise(resolve => setImmediate(resolve))

test('who ran when the question was put shares the answer', async () => {
  const { open, ask } = questions()
  const answers = new Answers(ask, () => 100n)
  const [first, second] = [answers.about('unit', startedAt(100n)), answers.about('unit', startedAt(99n))]
  assert.equal(open.length, 1)
  open[0]!.answer('it')
  assert.deepEqual(await Promise.all([first, second]), ['it', 'it'])
  assert.equal(await answers.about('unit', startedAt(50n)), 'it')
  assert.equal(open.length, 1)
})

test('who may have started after the question was put asks anew: his number was perhaps another process then', async () => {
  const { open, ask } = questions()
  const answers = new Answers(ask, () => 100n)
  const first = answers.about('unit', startedAt(1n))
  const second = answers.about('unit', startedAt(100n))
  await settle()
  assert.equal(open.length, 1, 'one question at a time')
  open[0]!.answer('old')
  assert.equal(await first, 'old')
  await settle()
  open[1]!.answer('new')
  assert.equal(await second, 'new')
})

test('a failure is told to those who wait, and the next one asks again', async () => {
  const { open, ask } = questions()
  const answers = new Answers(ask, () => 100n)
  const both = [answers.about('unit', startedAt(1n)), answers.about('unit', startedAt(2n))]
  open[0]!.fail()
  for (const one of both) await assert.rejects(one)
  assert.equal(answers.size, 0)
  const next = answers.about('unit', startedAt(1n))
  open[1]!.answer('it')
  assert.equal(await next, 'it')
})

test('units do not wait for each other', () => {
  const { open, ask } = questions()
  const answers = new Answers(ask, () => 100n)
  void answers.about('a', startedAt(1n))
  void answers.about('b', startedAt(1n))
  assert.deepEqual(
    open.map(({ key }) => key),
    ['a', 'b'],
  )
})
