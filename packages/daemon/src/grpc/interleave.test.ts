import assert from 'node:assert/strict'
import { test } from 'node:test'
import { interleave } from './interleave.ts'

async function* of<T>(...all: T[]): AsyncGenerator<T> {
  for (const one of all) yield one
}

async function* waiting(signal: AbortSignal, stopped: () => void): AsyncGenerator<never> {
  try {
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    yield* []
  } finally {
    stopped()
  }
}

const idle = new AbortController().signal

test('what comes from either is told, until one ends; the other is told to stop', async () => {
  let stopped = 0
  const came = await Array.fromAsync(
    interleave(
      idle,
      () => of(1, 2),
      signal => waiting(signal, () => stopped++),
    ),
  )
  assert.deepEqual(
    came,
    [1, 2].map(value => ({ from: 'first', value })),
  )
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(stopped, 1)
})

test('neither is asked for more than is dealt with', async () => {
  let asked = 0
  const endless = async function* () {
    for (;;) yield asked++
  }
  const both = interleave(idle, endless, () => endless())
  for (let n = 0; n < 10; n++) await both.next()
  assert.ok(asked <= 12, `asked ${asked} times`)
  await both.return(undefined)
})

test('a source that was told and not asked since is ended too', async () => {
  let stopped = 0
  const telling = async function* () {
    try {
      for (;;) yield 1
    } finally {
      stopped++
    }
  }
  for await (const _ of interleave(idle, telling, telling)) break
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(stopped, 2)
})

test('a failure of one ends both, and so does the signal', async () => {
  let stopped = 0
  const failing = async function* (): AsyncGenerator<never> {
    yield* []
    throw new RangeError('broken')
  }
  await assert.rejects(
    Array.fromAsync(interleave(idle, failing, signal => waiting(signal, () => stopped++))),
    RangeError,
  )
  const over = new AbortController()
  const both = interleave(
    over.signal,
    signal => waiting(signal, () => stopped++),
    signal => waiting(signal, () => stopped++),
  )
  const next = both.next()
  over.abort(new SyntaxError('enough'))
  await assert.rejects(next, SyntaxError)
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(stopped, 3)
})
