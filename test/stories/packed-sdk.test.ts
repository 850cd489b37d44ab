import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { packSdk } from '../../tools/pack.ts'
import { type Json, type LanyardUp, lanyardUp } from '../support/lanyard-up.ts'
import { npm, oldNode } from '../support/old-node.ts'
import { ownProcesses } from '../support/workload-stage.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const run = promisify(execFile)

const linux = process.platform === 'linux'

let authority: LanyardUp
let project: string

before(async () => {
  project = await mkdtemp(join(tmpdir(), 'lanyard-packed-'))
  await writeFile(join(project, 'package.json'), '{ "private": true, "type": "module" }')
  npm(project, ['install', packSdk(join(project, 'tarballs'))])
  await writeFile(join(project, 'example.js'), await example('Identity.fromToken'))
  authority = await lanyardUp()
  await authority.call('POST', '/v1/tenants', { tenant: 'acme' })
  await authority.call('POST', '/v1/agents', { tenant: 'acme', agent: 'example' })
})

after(async () => {
  await authority?.remove()
  await rm(project, { recursive: true, force: true })
})

/** An example of the README, as it stands there. */
async function example(has: string): Promise<string> {
  const readme = await readFile(join(ROOT, 'packages/sdk/README.md'), 'utf8')
  const blocks = Array.from(readme.matchAll(/```js\n([\s\S]*?)```/g), ([, code]) => code!)
  const code = blocks.find(block => block.includes(has))
  if (code === undefined) throw new Error(`the README has no example with ${has}`)
  return code
}

/** An entry by which every process of this user is an agent. */
const workload = () => {
  entry ??= authority.call('POST', '/v1/entries', { tenant: 'acme', agent: 'example', ...ownProcesses })
  return entry
}
let entry: Promise<Json> | undefined

const nodes: readonly (readonly [line: string, node: () => string])[] = [
  ['v22.', oldNode],
  ['v26.', () => process.execPath],
]

for (const [line, node] of nodes)
  test(`packed and installed into an empty project, the README’s example runs under Node ${line}x`, async () => {
    const { token, spiffe_id: id } = await authority.call('POST', '/v1/agent/bootstrap', {
      tenant: 'acme',
      agent: 'example',
    })
    const { url, root_sha256 } = authority.ready
    const env = { ...process.env, LANYARD_URL: url, LANYARD_ROOT_SHA256: root_sha256, LANYARD_TOKEN: token }
    const version = await run(node(), ['--version'])
    assert.ok(version.stdout.startsWith(line), version.stdout)
    const { stdout, stderr } = await run(node(), ['example.js'], { cwd: project, env, timeout: 200_000 })
    assert.equal(stdout, `I am ${id}\nhello ${id}\n`)
    assert.equal(stderr, '')
  })

for (const [line, node] of nodes)
  test(`without a secret, the README’s example runs under Node ${line}x`, { skip: !linux }, async () => {
    const { spiffe_id: id } = await workload()
    const env = { ...process.env, SPIFFE_ENDPOINT_SOCKET: authority.ready.workload_api }
    for (const keys of ['memory', 'daemon']) {
      const code = (await example('Identity.fromWorkloadApi')).replace('Api()', `Api({ keys: '${keys}' })`)
      await writeFile(join(project, `${keys}.js`), code)
      const { stdout, stderr } = await run(node(), [`${keys}.js`], { cwd: project, env, timeout: 200_000 })
      assert.equal(stdout, `hello from ${id}\n`)
      assert.equal(stderr, '')
    }
  })

test('the tarball brings undici along, and nothing else', async () => {
  const manifest = JSON.parse(await readFile(join(project, 'node_modules/@lanyard/sdk/package.json'), 'utf8'))
  assert.deepEqual(Object.keys(manifest.dependencies), ['undici'])
  const lock = JSON.parse(await readFile(join(project, 'package-lock.json'), 'utf8'))
  assert.deepEqual(Object.keys(lock.packages), ['', 'node_modules/@lanyard/sdk', 'node_modules/undici'])
})

test('its declarations say enough for a strict project', async () => {
  const types = join(ROOT, 'node_modules/@types')
  await writeFile(
    join(project, 'use.ts'),
    `import { agentId, type Caller, caller, Identity, type IdentityError } from '@lanyard/sdk'
export async function use(identity: Identity): Promise<string> {
  identity.on('lost', ({ remedy }) => console.log(remedy.toUpperCase()))
  const service = await identity.serve({ allow: agentId(identity.id) }, (request, response) => {
    const who: Caller = caller(request)
    response.end(who.id.trustDomain.name)
  })
  // @ts-expect-error: whom to talk to must be said
  await identity.fetch(service.url, { method: 'GET' }).catch((error: IdentityError) => error.code)
  const response = await identity.fetch(service.url, { method: 'POST', body: 'x', peer: agentId('spiffe://a/b') })
  return response.text()
}
`,
  )
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const strict = [
    '--strict',
    '--noEmit',
    '--target',
    'es2024',
    '--module',
    'nodenext',
    '--typeRoots',
    types,
    '--types',
    'node',
  ]
  await run(process.execPath, [tsc, ...strict, 'use.ts'], { cwd: project }).catch((error: { stdout: string }) =>
    assert.fail(error.stdout),
  )
})
