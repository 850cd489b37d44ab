import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type FeedLine, signFeedLine, subjectOf } from '@lanyard/protocol'
import { nodeCrypto } from '@lanyard/protocol/node'
import { FakeAuthority } from '../../testing/fake-authority.ts'
import { lanyard } from '../../testing/fake-io.ts'
import { LanyardRoot } from '../../testing/lanyard-root.ts'

const folder = mkdtempSync(join(tmpdir(), 'lanyard-feed-'))
const roots = join(folder, 'roots.pem')
let authority: FakeAuthority
let root: LanyardRoot
let key: Awaited<ReturnType<LanyardRoot['key']>>

before(async () => {
  authority = await FakeAuthority.start()
  root = await LanyardRoot.make()
  key = await root.key('feed')
  // The first is the root of the trust domain; the second that of the fake's TLS.
  writeFileSync(roots, root.pem + authority.ca.rootPem)
  const one = { incident: 'kill-1', target: { kind: 'agent', value: 'acme/invoice' }, reason: 'test', epoch: 8 }
  authority.answers['GET /v1/incidents'] = { body: { items: [one, { ...one, epoch: 3 }], next_cursor: null } }
})
after(() => {
  authority.stop()
  rmSync(folder, { recursive: true })
})

const base = (more: Partial<FeedLine> = {}): FeedLine => ({
  kind: 'delta',
  feedId: 'feed-1',
  instance: root.instance,
  epoch: 7,
  prev: 7,
  asOf: Date.now(),
  deaths: [],
  rebirths: [],
  ...more,
})
const snapshot = (more: Partial<FeedLine> = {}) =>
  base({ kind: 'snapshot', prev: 0, template: '/tenant/{tenant}/agent/{agent}', ...more })
const subject = subjectOf('agent', 'spiffe://example.org/tenant/acme/agent/invoice', nodeCrypto)
const death = (epoch: number) => base({ epoch, prev: epoch - 1, deaths: [{ subject, through: 1, until: null }] })
const sign = (line: FeedLine, by: object = key) => signFeedLine(line, by as typeof key)

/** Watches until a line of epoch `last` was shown. */
function watch(last: number, ...args: string[]) {
  const stop = new AbortController()
  const seen = (text: string) => text.includes(`epoch ${last} `) || text.includes(`"epoch":${last},`)
  return lanyard(['feed', 'watch', '--root-file', roots, ...args], {
    env: authority.env(),
    stop: stop.signal,
    onOut: text => seen(text) && stop.abort(),
  })
}

test('a line for each tick and death, each shown once, with the incident that it tells of', async () => {
  const told = await sign(death(8), { kid: key.kid, signer: key.signer })
  // Two lines of one millisecond would be one that is told again.
  const first = await sign(snapshot({ asOf: Date.now() - 5 }))
  const lines = [first, await sign(base()), told, told, told, await sign(base({ epoch: 9, prev: 8 }))]
  authority.answers['GET /v1/feed'] = { type: 'application/jsonl', lines }
  const { exit, out, err } = await watch(9)
  assert.equal(exit, 0, err)
  const shown = out.trim().split('\n')
  assert.equal(shown.length, 5, out)
  assert.match(shown[0]!, /epoch 7 snapshot: 0 deaths feed feed-1 age \d+ ms, instance 6f1f3a52$/)
  assert.match(shown[2]!, /epoch 8 1 dead /)
  assert.match(shown[3]!, /acme\/invoice: test kill-1$/)

  const [json] = (await watch(8, '--json', '--deaths')).out.trim().split('\n').slice(1)
  assert.deepEqual(JSON.parse(json!).deaths, [[subject, 1, null]])
})

test('where it breaks off it goes on from the epoch that it had', async () => {
  let times = 0
  authority.heard.length = 0
  const [first, next] = [await sign(snapshot()), await sign(base({ epoch: 10, prev: 7 }))]
  authority.answers['GET /v1/feed'] = () =>
    times++ === 0 ? { type: 'application/jsonl', body: `${first}\n` } : { type: 'application/jsonl', lines: [next] }
  const { exit, err } = await watch(10)
  assert.equal(exit, 0)
  assert.match(err, /the feed ended; connecting again/)
  const asked = authority.heard.filter(({ path }) => path.startsWith('/v1/feed')).map(({ path }) => path)
  assert.deepEqual(asked, ['/v1/feed', '/v1/feed?since=7&feed_id=feed-1'])
})

test('a line that another key signed is not shown, and ends it', async () => {
  const stranger = await (await LanyardRoot.make()).key('feed')
  const receipt = await root.key('receipt')
  for (const by of [stranger, receipt]) {
    authority.answers['GET /v1/feed'] = { type: 'application/jsonl', lines: [await sign(snapshot(), by)] }
    const { exit, out } = await watch(7)
    assert.equal(exit, 1)
    assert.equal(out, '')
  }
})

test('a refusal is told as such', async () => {
  authority.answers['GET /v1/feed'] = { status: 403, body: { code: 'permission_missing', permission: 'feed.read' } }
  const { exit, err } = await watch(1)
  assert.equal(exit, 1)
  assert.match(err, /permission_missing/)
})
