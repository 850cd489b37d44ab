import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createServer, type TLSSocket } from 'node:tls'
import { TestCa } from '../testing/test-ca.ts'
import { resumes } from './tls-probe.ts'

test('a server that shakes hands and then says nothing is not waited for', async t => {
  const leaf = new TestCa().leaf({ names: { dns: ['localhost'] }, purposes: ['serverAuth'] })
  const open = new Set<TLSSocket>()
  const server = createServer({ key: leaf.key, cert: leaf.pem }, socket => open.add(socket.on('error', () => {})))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  // A busy machine may not even shake hands within that time: this is no answer either.
  assert.equal(await resumes(new URL(`https://127.0.0.1:${port}`), 500).catch(() => false), false)
})
