import assert from 'node:assert/strict'
import { once } from 'node:events'
import process from 'node:process'
import { before, describe, it, type TestContext } from 'node:test'
import { tenant } from '../guard/authorizer.ts'
import { FakeWorkloadApi } from '../testing/fake-workload-api.ts'
import { feedStage, GET, standing } from '../testing/guarded.ts'
import { ALICE, whoCalls } from '../testing/pair.ts'
import { x509Response } from '../testing/x509-response.ts'
import { Identity } from './identity.ts'
import type { WorkloadOptions } from './workload-options.ts'

const HEADER = 'lanyard-authority'
const ELSEWHERE = 'https://127.0.0.1:9'

describe('the authority that a Workload API names', () => {
  before(() => {
    delete process.env.LANYARD_URL
  })

  it('is followed: who is dead is not let in', async t => {
    const { identity, feed, id, client } = await stage(t)
    const serving = await identity.serve({ allow: tenant('acme') }, whoCalls)
    t.after(() => serving.close())
    await standing(identity, 'fresh')
    assert.equal(feed.enrolments[0]?.point, identity.guard.point)
    const dead = client(serving.port, 'alice')
    dead.write(GET)
    await once(dead, 'data')
    const cut = once(identity, 'cut')
    await feed.kill('agent', id('alice'))
    assert.equal(`${(await cut)[0].peer.id}`, id('alice'))
  })

  it('is asked where agents are', async t => {
    const { identity, feed } = await stage(t)
    feed.services.set('https://alice.example', 'x')
    assert.deepEqual((await identity.find(ALICE)).map(String), ['https://alice.example'])
  })

  it('yields to the environment, and both to the option', async t => {
    const named = await stage(t)
    const other = await feedStage(t)
    t.after(() => delete process.env.LANYARD_URL)
    process.env.LANYARD_URL = ELSEWHERE
    const elsewhere = await named.given()
    assert.equal(elsewhere.guard.standing, 'catching-up')
    await assert.rejects(elsewhere.find(ALICE), { code: 'authority_unreachable' })
    assert.equal((await named.given({ authority: null })).guard.standing, 'off')
    process.env.LANYARD_URL = other.authority.url
    await assert.rejects((await named.given({ authority: ELSEWHERE })).find(ALICE), { code: 'authority_unreachable' })
    process.env.LANYARD_URL = ''
    assert.equal((await named.given()).guard.standing, 'catching-up')
  })

  it('holds where the environment is the one that is given', async t => {
    const { fake } = await stage(t)
    t.after(() => delete process.env.LANYARD_URL)
    process.env.LANYARD_URL = ELSEWHERE
    const identity = await Identity.fromEnvironment({}, { SPIFFE_ENDPOINT_SOCKET: fake.socket })
    t.after(() => identity.close())
    const serving = await identity.serve({ allow: tenant('acme') }, whoCalls)
    t.after(() => serving.close())
    await standing(identity, 'fresh')
  })

  it('is none by choice, and with the liveness that was chosen', async t => {
    const { given } = await stage(t)
    assert.equal((await given({ authority: null })).guard.standing, 'off')
    assert.equal((await given({ liveness: false })).guard.standing, 'off')
    await assert.rejects(given({ liveness: { budgetMs: 1 } }), { name: 'TypeError' })
  })

  const none: readonly (readonly [why: string, said: string | string[] | undefined])[] = [
    ['nothing', undefined],
    ['no text', ''],
    ['two', [ELSEWHERE, ELSEWHERE]],
    ['two with paths', [`${ELSEWHERE}/a`, 'https://other.example/b']],
    ['no URL', 'authority.example'],
    ['no https', 'http://127.0.0.1:9'],
    ['another scheme', 'file:///etc/passwd'],
    ['no host', 'https://'],
    ['a password', 'https://user:secret@127.0.0.1:9'],
    ['blanks', 'https://127.0.0.1:9/a b'],
  ]
  for (const [why, said] of none)
    it(`is none where the header says ${why}, and the identity is there`, async t => {
      const { identity } = await stage(t, said)
      assert.equal(identity.guard.standing, 'off')
      await assert.rejects(identity.find(ALICE), { code: 'authority_unknown' })
    })

  it('stays the first one, whatever is said later', async t => {
    const { identity, fake, feed } = await stage(t)
    for (const said of [ELSEWHERE, undefined]) {
      fake.metadata = said === undefined ? {} : { [HEADER]: said }
      await identity.renew()
    }
    const serving = await identity.serve({ allow: tenant('acme') }, whoCalls)
    t.after(() => serving.close())
    await standing(identity, 'fresh')
    assert.equal(feed.enrolments[0]?.point, identity.guard.point)
  })

  it('stays none where none was named at first', async t => {
    const { identity, fake } = await stage(t, undefined)
    fake.metadata = { [HEADER]: ELSEWHERE }
    await identity.renew()
    assert.equal(identity.guard.standing, 'off')
  })
})

/** An authority with a feed, and a Workload API that gives Bob and says of it: where it is, when nothing else is to be said. */
async function stage(t: TestContext, ...saying: [said?: string | string[] | undefined]) {
  const feeding = await feedStage(t)
  const message = x509Response([{ svid: feeding.ca.svid(feeding.id('bob')) }])
  const fake = await FakeWorkloadApi.start(t, call => call.send(message))
  const said = saying.length === 0 ? feeding.authority.url : saying[0]
  if (said !== undefined) fake.metadata = { [HEADER]: said }
  const given = async (options: WorkloadOptions = {}) => {
    const identity = await Identity.fromWorkloadApi({ socket: fake.socket, ...options })
    t.after(() => identity.close())
    return identity
  }
  const { identity: _, ...rest } = feeding
  return { ...rest, fake, given, identity: await given() }
}
