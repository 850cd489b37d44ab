import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '../support/cast.ts'
import { Desk, readGuide } from '../support/guide.ts'
import { type TwoInstances, twoInstances } from '../support/two-instances.ts'

let two: TwoInstances
let desk: Desk

before(async () => {
  two = await twoInstances({ redis: true, flags: ['--trust-domain', 'example.org'] })
  desk = new Desk(two.a)
})

after(async () => {
  desk?.remove()
  await two?.remove()
})

async function type(line: string): Promise<string> {
  const { exit, out, err } = await desk.type(line)
  assert.equal(exit, 0, `${line}\n${out}${err}`)
  return out
}

test('the second instance serves what the first one knows, under the same root', async () => {
  assert.equal(two.a.ready.root_sha256, two.b.ready.root_sha256)
  await type('lanyard tenant create acme')
  await type('lanyard agent create acme invoice')
  const { items } = await two.b.call('GET', '/v1/agents')
  assert.deepEqual(
    items.map((one: { agent: string }) => one.agent),
    ['invoice'],
  )
})

test('a kill that one instance takes is refused by the other', async () => {
  await type('lanyard cert request --tenant acme --agent invoice --out invoice')
  const b = `--url ${two.b.ready.url}`
  await type(`lanyard whoami --svid invoice ${b}`)
  await type('lanyard kill acme/invoice --reason try --watch')
  const { exit, err } = await desk.type(`lanyard whoami --svid invoice ${b}`)
  assert.equal(exit, 1)
  assert.match(err, /agent_quarantined/)
  await type(`lanyard reinstate acme/invoice --reason over ${b}`)
})

test('the guide: an instance is put out of service, and what it signed is dead', async () => {
  const b = `--url ${two.b.ready.url}`
  await type(`lanyard cert request --tenant acme --agent invoice --out invoice ${b}`)
  const [list, evict] = readGuide('many-instances.md').commands.filter(line => line.startsWith('lanyard instance'))
  assert.equal((await type(list!)).match(/ serving /g)?.length, 2)
  const { items } = JSON.parse(await type(`${list} --json`))
  // Oldest first.
  await type(evict!.replace(/[0-9a-f-]{36}/, items[1].instance))
  assert.match(await type(list!), / evicted /)
  for (const place of ['', b]) assert.equal((await desk.type(`lanyard whoami --svid invoice ${place}`)).exit > 0, true)
  await until(
    () => two.b.ask('GET', '/readyz'),
    ({ status }) => status === 503,
  )
  await type('lanyard cert request --tenant acme --agent invoice --out again')
})
