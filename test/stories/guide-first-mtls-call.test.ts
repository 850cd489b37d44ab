import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { type LanyardUp, lanyardUp } from '../support/lanyard-up.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const CACHE = join(ROOT, '.cache')

let authority: LanyardUp
let folder: string
let service: ChildProcess
let url: string

/** The two programs as they stand in the guide. Under the project's folder, where `@lanyard/sdk` is found. */
function programs(): [service: string, client: string] {
  const guide = readFileSync(join(ROOT, 'docs/guides/first-mtls-call.md'), 'utf8')
  const [service, client] = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!)
  return [service!, client!]
}

async function start(agent: string, code: string, tenant = 'acme'): Promise<ChildProcess> {
  const { token } = await authority.call('POST', '/v1/agent/bootstrap', { tenant, agent })
  const file = join(folder, `${agent}.ts`)
  writeFileSync(file, code)
  const { url, root_sha256 } = authority.ready
  const env = { ...process.env, LANYARD_URL: url, LANYARD_ROOT_SHA256: root_sha256, LANYARD_TOKEN: token }
  return spawn(process.execPath, [file], { env, stdio: ['ignore', 'pipe', 'inherit'] })
}

/** Runs the client of the guide against the service that listens here. */
async function call(agent: string, tenant?: string): Promise<string> {
  const client = await start(agent, programs()[1].replace('https://127.0.0.1:9443/', url), tenant)
  return text(client.stdout!)
}

before(async () => {
  mkdirSync(CACHE, { recursive: true })
  folder = mkdtempSync(join(CACHE, 'guide-'))
  authority = await lanyardUp({ flags: ['--trust-domain', 'example.internal'] })
  for (const tenant of ['acme', 'globex']) await authority.call('POST', '/v1/tenants', { tenant })
  for (const agent of ['invoice', 'planner']) await authority.call('POST', '/v1/agents', { tenant: 'acme', agent })
  await authority.call('POST', '/v1/agents', { tenant: 'globex', agent: 'trader' })
  service = await start('invoice', programs()[0].replace('port: 9443', 'port: 0'))
  const [line] = await once(createInterface(service.stdout!), 'line')
  assert.match(line, /^spiffe:\/\/example\.internal\/tenant\/acme\/agent\/invoice listens at /)
  url = line.split(' ').at(-1)
})

after(async () => {
  service?.kill('SIGKILL')
  await authority?.remove()
  rmSync(folder, { recursive: true, force: true })
})

test('the two programs of the guide meet', async () => {
  assert.equal(await call('planner'), '200 hello spiffe://example.internal/tenant/acme/agent/planner\n')
})

test('the agent of another tenant is refused as the guide says', async () => {
  assert.match(await call('trader', 'globex'), /^403 .*"code":"peer_not_allowed"/)
})
