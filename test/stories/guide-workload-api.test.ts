import assert from 'node:assert/strict'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { Desk, readGuide } from '../support/guide.ts'
import { type LanyardUp, lanyardUp } from '../support/lanyard-up.ts'

const skip = process.platform === 'linux' ? false : 'the daemon needs Linux'

let authority: LanyardUp
let desk: Desk

before(async () => {
  if (skip) return
  authority = await lanyardUp({ flags: ['--trust-domain', 'example.org'] })
  desk = new Desk(authority)
})

after(async () => {
  desk?.remove()
  await authority?.remove()
})

async function type(line: string): Promise<string> {
  const { exit, out, err } = await desk.type(line)
  assert.equal(exit, 0, `${line}\n${out}${err}`)
  return out
}

test('the guide: a laptop gives an identity to whoever the entry names', { skip }, async () => {
  const { url, root_sha256 } = authority.ready
  await type(`lanyard bootstrap --url ${url} --fingerprint ${root_sha256} --api-key-file lanyard-data/admin.key`)
  const lines = readGuide('workload-api.md').commands.slice(1, 5)
  assert.deepEqual(
    lines.map(line => line.split(' ').slice(1, 3).join(' ')),
    ['tenant create', 'agent create', 'entry create', 'svid --socket'],
  )
  const said = []
  for (const line of lines) said.push(await type(line))
  assert.match(said.at(-1)!, /you are +spiffe:\/\/example\.org\/tenant\/acme\/agent\/invoice\n/)
})

test('the svid command shows tokens, and JSON, and says why there is nothing', { skip }, async () => {
  const socket = `--socket ${authority.ready.workload_api}`
  const reply = JSON.parse(await type(`lanyard svid ${socket} --audience payments --json`))
  assert.equal(reply.svids[0].spiffe_id, 'spiffe://example.org/tenant/acme/agent/invoice')
  assert.deepEqual(reply.jwt_svid.audience, ['payments'])
  assert.deepEqual(reply.trust_domains, ['example.org'])
  const { items } = JSON.parse(await type('lanyard entry list --json'))
  await type(`lanyard entry delete ${items[0].id}`)
  const { exit, err } = await desk.type(`lanyard svid ${socket}`)
  assert.notEqual(exit, 0)
  assert.match(err, /no_identity/)
})
