import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { PERMIT, textOf } from '../testing/questions.ts'
import { CheckThread } from './index.ts'

function opened(t: TestContext, longestMs?: number): CheckThread {
  const made = new CheckThread(longestMs)
  t.after(() => made.close())
  return made
}

test('versions are checked on a thread of its own, one after the other, with the same places', async t => {
  const checks = opened(t)
  const found = await Promise.all([PERMIT, 'permit', PERMIT].map(policies => checks.check(textOf(policies))))
  assert.deepEqual(
    found.map(problems => problems?.message.split(':', 1)[0]),
    [undefined, 'policies', undefined],
  )
})

test('nobody waits for it on this thread', async t => {
  const checking = opened(t).check(textOf(PERMIT))
  const turn = new Promise(resolve => setImmediate(() => resolve('turn')))
  assert.equal(await Promise.race([checking, turn]), 'turn')
  assert.equal(await checking, null)
})

test('a check that takes too long is ended, and the next one begins anew', async t => {
  const checks = opened(t, 1)
  const big = Array.from(
    { length: 190 },
    (_, hour) => `forbid (principal, action, resource) when { context has hour && context.hour == ${hour} };`,
  )
  assert.match((await checks.check(textOf(big.join(''))))?.message ?? '', /takes too long/)
  assert.match((await checks.check(textOf(big.join(''))))?.message ?? '', /takes too long/)
})

const of = (tenant: string | null) => ({ ...textOf(PERMIT), tenant })

test('scopes take turns, and none takes all the places', async t => {
  const checks = opened(t)
  const done: (string | null)[] = []
  const check = async (tenant: string | null) => {
    const problem = await checks.check(of(tenant))
    done.push(problem === null ? tenant : `${tenant} refused`)
  }
  await Promise.all(['acme', 'acme', 'acme', 'acme', 'acme', 'acme', null, 'globex'].map(check))
  assert.deepEqual(done, ['acme refused', 'acme', null, 'acme', 'globex', 'acme', 'acme', 'acme'])
})

test('more than wait already are refused, and who is closed checks nothing', async t => {
  const checks = opened(t)
  const all = Array.from({ length: 25 }, (_, at) => checks.check(of(`t${at}`)))
  assert.match((await all.at(-1))?.message ?? '', /too many/)
  checks.close()
  const messages = (await Promise.all(all)).map(problems => problems?.message)
  assert.ok(messages.some(message => message?.includes('nobody checks any more')))
})
