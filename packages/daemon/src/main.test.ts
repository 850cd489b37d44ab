import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { daemonConfig } from './config.ts'
import { startDaemon } from './main.ts'
import { noLog } from './testing/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'lanyard-start-'))
const served = createServer().listen(join(folder, 'served'))
await once(served, 'listening')
after(() => {
  served.close()
  rmSync(folder, { recursive: true })
})
writeFileSync(join(folder, 'file'), 'keep')

const UNUSABLE: readonly (readonly [why: string, settings: object, code: string])[] = [
  ['a path that is too long', { socket: join(folder, 'x'.repeat(110)) }, 'socket_unusable'],
  ['no folder', { socket: join(folder, 'file', 's') }, 'socket_unusable'],
  ['no socket', { socket: join(folder, 'file') }, 'socket_unusable'],
  ['a socket that is served', { socket: join(folder, 'served') }, 'socket_unusable'],
  ['TCP', { socket: 'tcp://127.0.0.1:1' }, 'config_invalid'],
  ['an admin socket that is served', { admin_socket: join(folder, 'served') }, 'socket_unusable'],
  ['an admin socket too long', { admin_socket: join(folder, 'x'.repeat(110)) }, 'socket_unusable'],
]

for (const [why, settings, code] of UNUSABLE)
  test(`a first start does not spend its join token for ${why}`, async () => {
    const written = {
      ...{ authority: 'https://127.0.0.1:1', root_sha256: '00'.repeat(32), data: join(folder, 'data') },
      ...{ socket: join(folder, 's'), admin_socket: join(folder, 'a'), attestors: 'unix', ...settings },
    }
    let asked = 0
    const joinToken = async () => `token ${++asked}`
    await assert.rejects(startDaemon(daemonConfig(written, folder), { joinToken, log: noLog }), { code })
    assert.equal(asked, 0)
  })
