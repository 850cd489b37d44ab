import assert from 'node:assert/strict'
import { once } from 'node:events'
import process from 'node:process'
import { test } from 'node:test'
import { Identity } from '../identity/identity.ts'
import { temporaryFolder, writeSvid } from '../testing/files.ts'
import { feedStage, first, GET, standing } from '../testing/guarded.ts'
import { ALICE, BOB, ca, rawClient, whoCalls } from '../testing/pair.ts'
import { tenant } from './authorizer.ts'

test('files that say nothing of an authority: it serves, and says that it hears of no kill', async t => {
  const folder = await temporaryFolder(t)
  await writeSvid(folder, ca.svid(BOB))
  const identity = await Identity.fromFiles({ folder })
  t.after(() => identity.close())
  const printed = process.listeners('warning')
  // Node's own prints it amid the results.
  process.removeAllListeners('warning')
  t.after(() => {
    for (const listener of printed) process.on('warning', listener)
  })
  const warned = once(process, 'warning')
  const serving = await identity.serve({ allow: tenant('acme') }, whoCalls)
  t.after(() => serving.close())
  const [warning] = await warned
  assert.equal(warning.code, 'LANYARD_UNGUARDED')
  assert.match(warning.message, /option authority/)
  assert.equal(identity.guard.standing, 'unguarded')
  const socket = rawClient(serving.port, ca.svid(ALICE))
  t.after(() => socket.destroy())
  assert.match(await first(socket, GET), /200 OK/)
  await assert.rejects(identity.find(ALICE), { code: 'authority_unknown' })
})

test('the event takes the place of the warning; by choice there is neither', async t => {
  const folder = await temporaryFolder(t)
  await writeSvid(folder, ca.svid(BOB))
  const warned = () => assert.fail('a warning')
  process.on('warning', warned)
  t.after(() => process.off('warning', warned))
  const told = await Identity.fromFiles({ folder })
  const silent = await Identity.fromFiles({ folder, liveness: false })
  t.after(() => Promise.all([told.close(), silent.close()]))
  const unguarded = once(told, 'unguarded')
  const servings = [await told.serve({ allow: tenant('acme') }, whoCalls)]
  await unguarded
  silent.on('unguarded', () => assert.fail('by choice'))
  servings.push(await silent.serve({ allow: tenant('acme') }, whoCalls))
  assert.equal(silent.guard.standing, 'off')
  await Promise.all(servings.map(serving => serving.close()))
})

test('files with an authority are guarded', async t => {
  const { authority, ca: theirs, feed, id } = await feedStage(t)
  const folder = await temporaryFolder(t)
  await writeSvid(folder, theirs.svid(id('bob')))
  const identity = await Identity.fromFiles({ folder, authority: authority.url })
  t.after(() => identity.close())
  const serving = await identity.serve({ allow: tenant('acme') }, whoCalls)
  t.after(() => serving.close())
  await standing(identity, 'fresh')
  assert.equal(feed.enrolments[0]?.point, identity.guard.point)
  await assert.rejects(Identity.fromFiles({ folder, authority: 'http://x' }), { name: 'TypeError' })
})

const WRONG = [{ budgetMs: 99 }, { budgetMs: 1.5 }, { graceMs: -1 }, { heartbeatMs: 0 }, { mode: 'none' as never }]
for (const liveness of WRONG)
  test(`refuses ${JSON.stringify(liveness)}`, async t => {
    const folder = await temporaryFolder(t)
    await writeSvid(folder, ca.svid(BOB))
    await assert.rejects(Identity.fromFiles({ folder, authority: 'https://x', liveness }), { name: 'TypeError' })
  })
