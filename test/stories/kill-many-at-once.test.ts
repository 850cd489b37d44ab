import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Identity, type Serving, tenant } from '@lanyard/sdk'
import { PlainCaller } from '../support/caller.ts'
import { Cast } from '../support/cast.ts'
import { credentialsFor } from '../support/credential.ts'
import { gone } from '../support/gone.ts'
import { type LanyardUp, lanyardUp } from '../support/lanyard-up.ts'

let authority: LanyardUp
let cast: Cast
let service: Identity
let serving: Serving

before(async () => {
  authority = await lanyardUp({ flags: ['--limits-rate-per-minute', '0'] })
  cast = await Cast.of(authority)
  service = await cast.identity('service')
  serving = await service.serve({ allow: tenant('acme') }, (_request, response) => response.end('done'))
})
after(async () => {
  await service?.close()
  await serving?.close()
  await authority?.remove()
})

test('two kills of one agent at once are two incidents, each with its epoch and its receipt', async () => {
  const caller = new PlainCaller(await cast.credential('twice'), authority.rootPem)
  assert.equal((await caller.call(serving)).status, 200)
  const killed = await Promise.all([cast.kill('twice'), cast.kill('twice')])
  assert.equal(new Set(killed.map(({ incident }) => incident)).size, 2)
  assert.equal(new Set(killed.map(({ epoch }) => epoch)).size, 2)
  const closed = await Promise.all(killed.map(({ incident }) => cast.closed(incident)))
  assert.deepEqual(
    closed.map(({ receipt }) => receipt.points[0]?.outcome),
    ['applied', 'applied'],
  )
  assert.notEqual((await caller.call(serving)).status, 200)
  caller.close()
})

test('two kills that name one incident are one', async () => {
  await cast.token('once')
  const [one, other] = await Promise.all([1, 2].map(() => cast.kill('once', { incident: 'incident-of-both' })))
  assert.deepEqual(one, other)
  const { items } = await authority.call('GET', '/v1/incidents?tenant=acme')
  assert.equal(items.filter(({ target }: { target: { value: string } }) => target.value.endsWith('once')).length, 1)
})

test('two hundred kills at once are all told: every connection of the dead ends, no other', async () => {
  const names = Array.from({ length: 200 }, (_, at) => `many-${at}`)
  const tokens: string[] = []
  for (let at = 0; at < names.length; at += 20)
    tokens.push(...(await Promise.all(names.slice(at, at + 20).map(name => cast.token(name)))))
  const credentials = await credentialsFor({ url: authority.ready.url, rootPem: authority.rootPem }, tokens)
  const callers = credentials.map(credential => new PlainCaller(credential, authority.rootPem))
  const idle = await Promise.all(callers.map(caller => caller.connect(serving)))
  const alive = new PlainCaller(await cast.credential('bystander'), authority.rootPem)
  const open = await alive.connect(serving)
  const ends = idle.map(socket => gone(socket))

  const killed = await Promise.all(names.map(name => cast.kill(name)))
  await Promise.all(ends)
  assert.equal(open.destroyed, false)
  assert.equal((await alive.call(serving)).status, 200)

  const epochs = killed.map(({ epoch }) => epoch).toSorted((a, b) => a - b)
  assert.deepEqual(
    epochs,
    Array.from({ length: 200 }, (_, at) => epochs[0] + at),
  )
  const closed = await Promise.all(killed.map(({ incident }) => cast.closed(incident)))
  for (const { receipt } of closed)
    assert.equal(receipt.points.find(({ spiffeId }) => spiffeId?.endsWith('/service'))?.outcome, 'applied')
  const knocks = await Promise.all(callers.slice(0, 20).map(caller => caller.call(serving)))
  for (const { status } of knocks) assert.notEqual(status, 200)
  for (const caller of [...callers, alive]) caller.close()
  open.destroy()
})
