import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { type TestContext, test } from 'node:test'
import { decodePem } from '@lanyard/protocol'
import type { Identity } from '../identity/identity.ts'
import type { Svid } from '../identity/svid.ts'
import { TestCa } from '../testing/ca.ts'
import { feedStage, standing } from '../testing/guarded.ts'
import { gone } from '../testing/pair.ts'
import { agentId, tenant } from './authorizer.ts'
import { caller } from './caller.ts'

const itemsOf = (pem: string) =>
  decodePem(pem, { labels: ['CERTIFICATE'], maxBytes: 65_536, maxBlocks: 8 }).map(
    ({ der }) => `:${Buffer.from(der).toString('base64')}:`,
  )

/** As RFC 9440 writes it. */
const passedOn = (svid: Svid) => ({
  'client-cert': itemsOf(svid.certificate)[0]!,
  'client-cert-chain': itemsOf(svid.chain).join(', '),
})

async function stage(t: TestContext) {
  const base = await feedStage(t)
  const { identity, ca, id } = base
  const bob: Identity = await identity('bob')
  const options = { allow: agentId(id('alice'), id('carol')), via: agentId(id('proxy')), http2: true } as const
  const serving = await bob.serve(options, (request, response) => {
    const { id, via } = caller(request)
    response.write(`${id} via ${via}`)
    if (request.url !== '/stream') response.end()
  })
  t.after(() => serving.close())
  await standing(bob, 'fresh')
  const connect = (agent: string) => {
    const svid = ca.svid(id(agent))
    const tls = { ca: ca.bundle, cert: svid.certificate + svid.chain, key: svid.privateKeyPem() }
    const session = connectHttp2(serving.url, { ...tls, checkServerIdentity: () => undefined })
    session.on('error', () => {})
    t.after(() => session.destroy())
    return session
  }
  return { ...base, bob, serving, connect }
}

async function ask(session: ClientHttp2Session, path: string, headers: Record<string, string> = {}) {
  const stream = session.request({ ':path': path, ...headers })
  stream.on('error', () => {})
  const [answer] = await once(stream, 'response')
  const [text] = await once(stream, 'data')
  return { stream, status: answer[':status'], text: String(text) }
}

test('a proxy speaks for several: a death ends the calls of one, not the connection', async t => {
  const { feed, ca, id, connect } = await stage(t)
  const proxy = connect('proxy')
  const [alice, carol] = [passedOn(ca.svid(id('alice'))), passedOn(ca.svid(id('carol')))]
  const ofAlice = await ask(proxy, '/stream', alice)
  const ofCarol = await ask(proxy, '/stream', carol)
  assert.equal(ofAlice.text, `${id('alice')} via ${id('proxy')}`)
  const ended = gone(ofAlice.stream)
  const epoch = await feed.kill('agent', id('alice'))
  await ended
  assert.equal((await feed.acknowledged(epoch)).cut, 1)
  assert.equal(ofCarol.stream.closed, false)
  assert.equal((await ask(proxy, '/', carol)).text, `${id('carol')} via ${id('proxy')}`)
  const again = await ask(proxy, '/', alice)
  assert.deepEqual([again.status, JSON.parse(again.text).code], [403, 'peer_dead'])
})

test('what others pass on is not believed', async t => {
  const { ca, id, connect } = await stage(t)
  const { text } = await ask(connect('alice'), '/', passedOn(ca.svid(id('carol'))))
  assert.equal(text, `${id('alice')} via null`)
})

test('a proxy needs to be allowed when it speaks for itself, and its word must hold', async t => {
  const { ca, id, connect } = await stage(t)
  assert.equal(JSON.parse((await ask(connect('proxy'), '/')).text).code, 'peer_not_allowed')
  const stranger = new TestCa(ca.trustDomain).svid(id('alice'))
  for (const headers of [passedOn(stranger), { 'client-cert': ':AAAA:' }, { 'client-cert': 'alice' }]) {
    const { status, text } = await ask(connect('proxy'), '/', headers)
    assert.deepEqual([status, JSON.parse(text).code], [403, 'caller_untrusted'])
  }
  const dave = await ask(connect('proxy'), '/', passedOn(ca.svid(id('dave'))))
  assert.equal(JSON.parse(dave.text).code, 'peer_not_allowed')
})

test('calls that were passed on are counted no longer once they have ended', async t => {
  const { bob, ca, id, connect } = await stage(t)
  const proxy = connect('proxy')
  for (let i = 0; i < 3; i++) await ask(proxy, '/', passedOn(ca.svid(id('alice'))))
  while (bob.guard.sessions > 1) await new Promise(resolve => setTimeout(resolve, 5))
  proxy.destroy()
  while (bob.guard.sessions > 0) await new Promise(resolve => setTimeout(resolve, 5))
})

test('via must be an authorizer', async t => {
  const { identity } = await feedStage(t)
  const bob = await identity('bob')
  const options = { allow: tenant('acme'), via: true as never }
  assert.throws(() => bob.createServer(options, () => {}), { name: 'TypeError' })
})
