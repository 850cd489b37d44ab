import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { LanyardError } from '@lanyard/api'
import { serverConfig } from '../config.ts'
import { readProxyTrust } from '../proxies/trust.ts'
import { FORWARDED } from '../testing/forwarding.ts'
import { type HttpHarness, openHttp } from '../testing/http.ts'
import { connectRaw, isWhole, lastReply } from '../testing/raw.ts'
import { listenForProxy } from './proxy-socket.ts'

let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanyard-proxy-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

describe('behind a proxy that comes by a Unix socket', () => {
  let server: HttpHarness
  let path: string
  before(async () => {
    path = join(folder, 'proxy.sock')
    const proxy = serverConfig({ proxy: { format: 'nginx', socket: path } }).proxy
    server = await openHttp({ parts: parts => ({ ...parts, proxies: readProxyTrust(proxy) }) })
    await server.http.listenForProxy(path)
    await server.agent({ tenant: 'acme', agent: 'a1' })
  })
  after(() => server.close())

  const ask = async (headers: Readonly<Record<string, string>>, to: string | null, tls: object = {}) => {
    const connection = await connectRaw(server.port, server.rootPem, to === null ? tls : { ...tls, path: to })
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    connection.write(`GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\n${lines.join('')}\r\n`)
    const text = await connection.until(isWhole)
    connection.socket.destroy()
    return { ...lastReply(text), text }
  }

  test('its owner and its group alone can open it', () => assert.equal(statSync(path).mode & 0o777, 0o660))

  test('what it forwards is believed, and the same at the port is not', async () => {
    const held = await server.certificate({ tenant: 'acme', agent: 'a1' })
    const headers = FORWARDED.nginx(held.cert)
    const { status, text } = await ask(headers, path)
    assert.equal(status, 200, text)
    assert.match(text, /"agent":"a1"/)
    assert.equal((await ask(headers, null)).code, 'proxy_header_untrusted')
  })

  test('the certificate of its own connection is nobody', async () => {
    const held = await server.certificate({ tenant: 'acme', agent: 'a1' })
    assert.equal((await ask({}, path, held)).code, 'unauthenticated')
    assert.equal((await ask({}, null, held)).status, 200)
  })
})

describe('a socket for a proxy', () => {
  const refusal = async (path: string): Promise<string> => {
    const server = createServer()
    try {
      await listenForProxy(server, path)
      return 'listens'
    } catch (error) {
      return (error as LanyardError).code
    } finally {
      server.close()
    }
  }

  test('takes the place of one that nobody serves, and of no other', async () => {
    const [served, left] = [join(folder, 'served'), join(folder, 'left')]
    const server = createServer()
    await listenForProxy(server, served)
    symlinkSync(served, join(folder, 'link'))
    for (const path of [served, join(folder, 'link')]) assert.equal(await refusal(path), 'socket_unusable')
    // Its server removes it by the name that it knows: what is left has nobody behind it, as after a crash.
    renameSync(served, left)
    server.close()
    await once(server, 'close')
    assert.equal(await refusal(left), 'listens')
  })

  test('lies where nobody else can put another one', async () => {
    for (const mode of [0o777, 0o1777, 0o770, 0o702]) {
      const open = join(folder, `m${mode}`)
      mkdirSync(open)
      chmodSync(open, mode)
      assert.equal(await refusal(join(open, 's')), 'permissions_too_wide', mode.toString(8))
      mkdirSync(join(open, 'in'), { mode: 0o755 })
      const above = mode === 0o1777 ? 'listens' : 'permissions_too_wide'
      assert.equal(await refusal(join(open, 'in', 's')), above, mode.toString(8))
    }
  })

  test('is no other file, and its path is whole and short', async () => {
    writeFileSync(join(folder, 'file'), '')
    assert.equal(await refusal(join(folder, 'file')), 'socket_unusable')
    assert.equal(await refusal('proxy.sock'), 'socket_unusable')
    assert.equal(await refusal(join(folder, 'missing', 's')), 'socket_unusable')
    assert.equal(await refusal(join(folder, 's'.repeat(120))), 'socket_unusable')
  })
})
