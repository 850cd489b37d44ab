import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect as http2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { describe, it, type TestContext } from 'node:test'
import { LanyardError } from '@lanyard/api'
import { agentId, caller, Identity, memberOf } from '@lanyard/sdk'
import { systemTime } from '@lanyard/sdk/authority'
import { proxyPathOf } from '@lanyard/sdk/proxy'
import { FakeProcess, FakeWorkloads } from '../testing/index.ts'
import { serveProxy } from './serve.ts'

const ALICE = 'spiffe://example.org/tenant/acme/agent/alice'
const BOB = 'spiffe://example.org/tenant/acme/agent/bob'
const peer = memberOf('example.org')
const allow = peer

describe('keys: daemon', () => {
  it('calls and serves by mutual TLS, in both versions of HTTP, without a private key', async t => {
    const { alice, bob } = await stage(t)
    assert.throws(() => alice.identity.svid.privateKeyPem(), { code: 'keys_elsewhere' })
    for (const http2 of [false, true]) {
      const serving = await bob.identity.serve({ allow, http2 }, (request, response) =>
        response.end(`${caller(request).id} ${request.headers.host}`),
      )
      t.after(() => serving.close())
      for (let round = 0; round < 3; round++) {
        const answer = await alice.identity.fetch(`${serving.url}/`, { peer: agentId(BOB) })
        assert.equal(await answer.text(), `${ALICE} 127.0.0.1:${serving.port}`)
      }
    }
  })

  it('speaks HTTP/2 where both sides do', async t => {
    const { alice, bob } = await stage(t)
    const serving = await bob.identity.serve({ allow, http2: true }, (request, response) =>
      response.end(`${request.httpVersion} ${caller(request).id}`),
    )
    const socket = await alice.identity.connect({ host: '127.0.0.1', port: serving.port, peer, alpn: ['h2'] })
    assert.equal(socket.alpnProtocol, 'h2')
    const session = http2(serving.url, { createConnection: () => socket })
    t.after(() => session.destroy())
    const stream = session.request({ ':path': '/' })
    stream.setEncoding('utf8')
    let text = ''
    for await (const chunk of stream) text += chunk
    assert.equal(text, `2.0 ${ALICE}`)
    await serving.close()
  })

  it('closes a server once the requests under way have ended, and takes no more', async t => {
    const { alice, bob } = await stage(t)
    let finish = () => {}
    const serving = await bob.identity.serve({ allow }, (_request, response) => {
      finish = () => response.end('done')
      response.write('begun ')
    })
    const answer = await alice.identity.fetch(serving.url, { peer })
    let closed = false
    const closing = serving.close().then(() => {
      closed = true
    })
    await assert.rejects(alice.identity.fetch(serving.url, { peer }))
    assert.equal(closed, false)
    finish()
    assert.equal(await answer.text(), 'begun done')
    await closing
  })

  it('comes back when the daemon does, servers on their ports too', async t => {
    const { alice, bob } = await stage(t)
    const serving = await bob.identity.serve({ allow }, (_request, response) => response.end('yes'))
    t.after(() => serving.close())
    await Promise.all([alice.restart(), bob.restart()])
    await Promise.all([alice.identity.renew(), bob.identity.renew()])
    for (;;) {
      const answer = await alice.identity.fetch(serving.url, { peer }).catch(() => null)
      await new Promise(resolve => setImmediate(resolve))
      if (answer === null) continue
      assert.equal(await answer.text(), 'yes')
      break
    }
  })

  it('examines the process again for each connection: it may be another program by now', async t => {
    const { workloads, alice, bob } = await stage(t)
    const serving = await bob.identity.serve({ allow }, (_request, response) => response.end('yes'))
    t.after(() => serving.close())
    const ask = async () => {
      const socket = await alice.identity.connect({ host: '127.0.0.1', port: serving.port, peer })
      socket.on('error', () => {})
      socket.write('GET / HTTP/1.1\r\nhost: bob\r\nconnection: close\r\n\r\n')
      return (await Array.fromAsync(socket as AsyncIterable<Buffer>).catch(() => [])).join('')
    }
    assert.match(await ask(), /yes/)
    // Nobody is told: no entry has changed.
    const examine = workloads.bundlesFor.bind(workloads)
    const refuse = (pid: number) => {
      workloads.bundlesFor = async (process, id) => {
        if (process.pid === pid) throw new LanyardError('no_identity', 'no identity issued')
        return await examine(process, id)
      }
    }
    refuse(alice.pid)
    await assert.rejects(ask(), { code: 'no_identity' })
    refuse(bob.pid)
    assert.equal(await ask(), '')
    workloads.bundlesFor = examine
    assert.match(await ask(), /yes/)
  })

  it('passes large bodies whole, both ways', async t => {
    const { alice, bob } = await stage(t)
    const body = Buffer.alloc(3_000_000, 'lanyard')
    const serving = await bob.identity.serve({ allow }, (request, response) => request.pipe(response))
    t.after(() => serving.close())
    const answer = await alice.identity.fetch(serving.url, { peer, method: 'POST', body })
    assert.ok(Buffer.from(await answer.arrayBuffer()).equals(body))
  })

  it('sends nothing to a peer that the own authorizer refuses, and hears nothing of one', async t => {
    const { alice, bob } = await stage(t)
    let requests = 0
    const serving = await bob.identity.serve({ allow: agentId(BOB) }, (_request, response) => {
      requests++
      response.end()
    })
    t.after(() => serving.close())
    await assert.rejects(alice.identity.fetch(serving.url, { peer: agentId(ALICE) }), { code: 'peer_not_allowed' })
    assert.equal((await alice.identity.fetch(serving.url, { peer })).status, 403)
    assert.equal(requests, 0)
  })

  it('cuts both sides when the identity is taken back, and goes on when it is given again', async t => {
    const { alice, bob, workloads } = await stage(t)
    const serving = await bob.identity.serve({ allow }, (_request, response) => response.write('begun'))
    t.after(() => serving.close())
    const answer = await alice.identity.fetch(serving.url, { peer })
    const reader = answer.body!.getReader()
    await reader.read()
    const withdrawn = once(alice.identity, 'withdrawn')
    workloads.withdraw(alice.pid, 'agent_quarantined', 'killed')
    assert.equal((await withdrawn)[0].code, 'agent_quarantined')
    await assert.rejects(reader.read())
    await assert.rejects(alice.identity.fetch(serving.url, { peer }), { code: 'identity_withdrawn' })
    while (bob.identity.connections > 0) await new Promise(resolve => setImmediate(resolve))

    const renewed = once(alice.identity, 'renewed')
    workloads.give(alice.pid, { id: ALICE })
    await renewed
    const again = await alice.identity.fetch(serving.url, { peer })
    assert.equal(again.status, 200)
    await again.body!.cancel()
  })

  it('takes new certificates, while what is open goes on', async t => {
    const { alice, workloads } = await stage(t)
    const before = alice.identity.svid.serial
    const renewed = once(alice.identity, 'renewed')
    workloads.rotate(alice.pid)
    await renewed
    assert.notEqual(alice.identity.svid.serial, before)
  })

  it('ends all of a process when that ends, descriptors that were handed on included', async t => {
    const { alice, bob } = await stage(t)
    const serving = await bob.identity.serve({ allow }, (_request, response) => response.write('begun'))
    t.after(() => serving.close())
    const answer = await alice.identity.fetch(serving.url, { peer })
    const reader = answer.body!.getReader()
    await reader.read()
    alice.end()
    await assert.rejects(reader.read())
  })

  it('refuses what would need the key here', async t => {
    const { alice } = await stage(t)
    const { identity } = alice
    const elsewhere = { code: 'keys_elsewhere' }
    assert.throws(() => identity.serverOptions(), elsewhere)
    assert.throws(() => identity.createServer({ allow }, () => {}), elsewhere)
    await assert.rejects(
      identity.serve({ allow, via: peer }, () => {}),
      elsewhere,
    )
    await assert.rejects(
      identity.serve({ allow, bestEffort: () => true }, () => {}),
      elsewhere,
    )
  })

  it('listens on no port that needs rights, and on none that is taken', async t => {
    const { alice, bob } = await stage(t)
    await assert.rejects(
      alice.identity.serve({ allow, port: 443 }, () => {}),
      { code: 'workload_api_refused' },
    )
    const serving = await bob.identity.serve({ allow }, () => {})
    t.after(() => serving.close())
    await assert.rejects(
      alice.identity.serve({ allow, port: serving.port }, () => {}),
      { code: 'workload_api_refused' },
    )
  })

  it('says why there is no identity', async t => {
    const { alice, workloads } = await stage(t)
    workloads.withdraw(alice.pid, 'workload_is_descendant', 'a child')
    const made = Identity.fromWorkloadApi({ socket: alice.socket, keys: 'daemon', startTimeoutMs: 30 })
    await assert.rejects(made, { code: 'workload_is_descendant' })
  })
})

describe('the proxy socket', () => {
  const hostile: readonly [why: string, line: string][] = [
    ['no JSON', 'GET / HTTP/1.1'],
    ['JSON that is no object', '7'],
    ['nothing asked', '{}'],
    ['an inherited name', '{"do":"constructor"}'],
    ['an identity of a number', '{"do":"identity","id":7,"hint":null}'],
    ['an identity that is no SPIFFE ID', '{"do":"identity","id":"https://a","hint":null}'],
    ['a port beyond all', '{"do":"connect","id":"a","host":"a","port":65536,"alpn":[]}'],
    ['a port of text', '{"do":"connect","id":"a","host":"a","port":"1","alpn":[]}'],
    ['a host with a zero', '{"do":"connect","id":"a","host":"a\\u0000","port":1,"alpn":[]}'],
    ['a host with a line feed', '{"do":"connect","id":"a","host":"a\\r\\nset x","port":1,"alpn":[]}'],
    ['no list of protocols', '{"do":"listen","id":"a","host":"a","port":0,"alpn":"h2"}'],
    ['a connection without an identity', `{"do":"connect","id":"${ALICE}","host":"127.0.0.1","port":1,"alpn":[]}`],
    ['a ticket of nobody', '{"do":"accept","ticket":"00"}'],
    ['a line without an end', 'x'.repeat(9_000)],
  ]
  for (const [why, line] of hostile)
    it(`refuses ${why}`, async t => {
      const { alice } = await stage(t)
      const answer = await said(alice.path, `${line}\n`)
      assert.match(answer, /^\{"error":\{"code":"[a-z_]+"/)
    })

  it('lets one process follow so many identities, and no more', async t => {
    const { alice } = await stage(t)
    const line = '{"do":"identity","id":null,"hint":null}\n'
    // One is that of the SDK.
    for (let n = 1; n < 16; n++) {
      const socket = connect(alice.path)
      t.after(() => socket.destroy())
      socket.write(line)
      const [answer] = await once(socket, 'data')
      assert.match(String(answer), /^\{"given"/)
    }
    assert.match(await said(alice.path, line), /^\{"error":\{"code":"workload_api_refused".*at most 16/)
  })

  it('gives the identity of one process to no other', async t => {
    const { alice } = await stage(t)
    const answer = await said(alice.path, `{"do":"listen","id":"${BOB}","host":"127.0.0.1","port":0,"alpn":[]}\n`)
    assert.match(answer, /"code":"no_identity"/)
  })
})

/** Two agents, whose keys are with one daemon. */
async function stage(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'lyd-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const workloads = new FakeWorkloads()
  // Numbers of processes that are there: the daemon looks at their network.
  const alice = await agent(t, { workloads, folder, id: ALICE, pid: process.pid })
  const bob = await agent(t, { workloads, folder, id: BOB, pid: process.ppid })
  return { workloads, alice, bob }
}

interface AgentParts {
  readonly workloads: FakeWorkloads
  readonly folder: string
  readonly id: string
  readonly pid: number
}

/** One program, with a socket of its own by which the daemon knows it. */
async function agent(t: TestContext, { workloads, folder, id, pid }: AgentParts) {
  const held: FakeProcess[] = []
  workloads.give(pid, { id })
  const api = join(folder, String(pid))
  const open = () =>
    serveProxy({
      ...{ path: proxyPathOf(api), workloads, authority: null, log: quiet, time: systemTime },
      processOf: () => {
        held.push(new FakeProcess(pid))
        return held.at(-1)!
      },
    })
  let server = await open()
  t.after(() => server.close())
  const restart = async () => {
    await server.close()
    server = await open()
  }
  const identity = await Identity.fromWorkloadApi({ socket: api, keys: 'daemon' })
  t.after(() => identity.close())
  const end = () => {
    for (const each of held) each.end()
  }
  return { identity, pid, socket: api, path: server.path, end, restart }
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

function said(path: string, text: string): Promise<string> {
  return new Promise(resolve => {
    let answer = ''
    const socket: Socket = connect(path, () => socket.write(text))
    socket.on('data', chunk => {
      answer += chunk
    })
    socket.on('error', () => {})
    socket.once('close', () => resolve(answer))
  })
}
