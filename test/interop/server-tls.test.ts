import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Certificate, decodePem } from '@lanyard/protocol'
import { serverConfig } from '../../packages/server/src/config.ts'
import { type RunningServer, startServer } from '../../packages/server/src/main.ts'
import { HandTimers } from '../support/hand-timers.ts'
import { askGo, askJava, connectLine, isThere, runOpenssl } from './opinions.ts'

const folders: string[] = []
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

async function start(): Promise<RunningServer> {
  const data = mkdtempSync(join(tmpdir(), 'lanyard-tls-'))
  folders.push(data)
  const config = serverConfig({ data, listen: '127.0.0.1:0', hosts: ['ca.example.org', '10.1.2.3'] })
  return await startServer(config, { env: {}, timers: new HandTimers(), log: quiet })
}

const rootOf = (server: RunningServer) =>
  decodePem(readFileSync(server.rootFile, 'utf8'), { labels: ['CERTIFICATE'] }).map(({ der }) =>
    Certificate.fromDer(der),
  )

/** What clients may call the server, and what they may not. */
const OWN = ['localhost', '127.0.0.1', '::1', 'ca.example.org', '10.1.2.3']
const FOREIGN = ['evil.example', 'example.org', '127.0.0.2', '::2']

describe('a running server, as TLS clients of others judge it', () => {
  let server: RunningServer
  let stranger: RunningServer

  before(async () => {
    ;[server, stranger] = await Promise.all([start(), start()])
  })
  after(async () => {
    await Promise.all([server.close(), stranger.close()])
    for (const folder of folders) rmSync(folder, { recursive: true })
  })

  /** One question for each name, and one under the root of another authority. */
  const questions = () => {
    const { host } = new URL(server.url)
    return [
      ...[...OWN, ...FOREIGN].map(name => connectLine(host, name, rootOf(server))),
      connectLine(host, 'localhost', rootOf(stranger)),
    ]
  }
  const accepted = (answers: readonly string[]) => answers.map(answer => answer === 'ok')
  const expected = [...OWN.map(() => true), ...FOREIGN.map(() => false), false]

  test('by Go', { skip: !isThere('go', 'version') }, async () => {
    assert.deepEqual(accepted(await askGo(questions())), expected)
  })

  test('by Java', { skip: !isThere('java', '-version') }, async () => {
    assert.deepEqual(accepted(await askJava(questions())), expected)
  })

  test('by openssl', { skip: !isThere('openssl', 'version') }, async () => {
    const { host } = new URL(server.url)
    const ask = async (name: string, root: string) => {
      const wanted = /^[0-9.]+$|:/.test(name) ? ['-verify_ip', name] : ['-verify_hostname', name]
      const flags = ['-verify_return_error', '-no-CApath', '-no-CAstore', '-x509_strict', '-tls1_3']
      return (await runOpenssl(['s_client', '-connect', host, '-CAfile', root, ...flags, ...wanted])) === 0
    }
    const answers: boolean[] = []
    for (const name of [...OWN, ...FOREIGN]) answers.push(await ask(name, server.rootFile))
    answers.push(await ask('localhost', stranger.rootFile))
    assert.deepEqual(answers, expected)
  })
})
