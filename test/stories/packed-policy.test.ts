import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { packPolicy, packSdk } from '../../tools/pack.ts'
import { readGuide } from '../support/guide.ts'
import { type LanyardUp, lanyardUp } from '../support/lanyard-up.ts'
import { npm, oldNode } from '../support/old-node.ts'

const run = promisify(execFile)

let authority: LanyardUp
let project: string

before(async () => {
  project = await mkdtemp(join(tmpdir(), 'lanyard-packed-policy-'))
  await writeFile(join(project, 'package.json'), '{ "private": true, "type": "module" }')
  const tarballs = join(project, 'tarballs')
  npm(project, ['install', packSdk(tarballs), packPolicy(tarballs)])
  const [program] = readGuide('policy.md').programs
  await writeFile(join(project, 'service.js'), program!.replace('port: 9443', 'port: 0') + ASK)
  authority = await lanyardUp()
  await authority.call('POST', '/v1/tenants', { tenant: 'acme' })
  await authority.call('POST', '/v1/agents', { tenant: 'acme', agent: 'example' })
  const policies = `permit (principal, action, resource) unless { context has method && context.method == "POST" };`
  await authority.call('POST', '/v1/policies', { tenant: 'acme', policies })
  await authority.call('POST', '/v1/policies/1/activate', { tenant: 'acme' })
})

after(async () => {
  await authority?.remove()
  await rm(project, { recursive: true, force: true })
})

/** The service of the guide asks itself. */
const ASK = `
import { agentId } from '@lanyard/sdk'
for (const method of ['GET', 'POST'])
  console.log(method, (await identity.fetch(service.url, { method, peer: agentId(identity.id) })).status)
allow.close()
await service.close()
await identity.close()
`

const nodes: readonly (readonly [line: string, node: () => string])[] = [
  ['v22.', oldNode],
  ['v26.', () => process.execPath],
]

for (const [line, node] of nodes)
  test(`packed and installed beside the SDK, the service of the guide asks the policies under Node ${line}x`, async () => {
    const { token } = await authority.call('POST', '/v1/agent/bootstrap', { tenant: 'acme', agent: 'example' })
    const { url, root_sha256 } = authority.ready
    const env = { ...process.env, LANYARD_URL: url, LANYARD_ROOT_SHA256: root_sha256, LANYARD_TOKEN: token }
    const { stdout, stderr } = await run(node(), ['service.js'], { cwd: project, env, timeout: 200_000 })
    assert.match(stdout, /^spiffe:.* listens at https:.*\nGET 200\nPOST 403\n$/)
    assert.equal(stderr, '')
  })

test('it brings the engine along, and what reads the routes', async () => {
  const lock = JSON.parse(await readFile(join(project, 'package-lock.json'), 'utf8'))
  assert.deepEqual(Object.keys(lock.packages), [
    '',
    'node_modules/@cedar-policy/cedar-wasm',
    'node_modules/@lanyard/policy',
    'node_modules/@lanyard/sdk',
    'node_modules/undici',
    'node_modules/zod',
  ])
})
