import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startDaemon } from '@lanyard/daemon'
import { daemonConfig } from '@lanyard/daemon/config'
import { FakeTrustDomain } from '@lanyard/daemon/testing'
import { encodePem, SpiffeId } from '@lanyard/protocol'
import { generateKey, spkiOf } from '@lanyard/protocol/node'
import { type RunningServer, serverConfig, startServer } from '@lanyard/server'

// A machine that has a certificate of its own becomes a node without a token, and stays the same node.

const folder = mkdtempSync(join(tmpdir(), 'dam-'))
const machines = new FakeTrustDomain('machines.example')
let server: RunningServer

const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text, { mode: 0o600 })
  return join(folder, name)
}

async function machine(name: string, type: 'RSA' | 'P-256', by = machines) {
  const key = await generateKey(type)
  const id = SpiffeId.parse(`spiffe://machines.example/${name}`)
  const leaf = by.certify(spkiOf(key), id, { lineage: '00'.repeat(16) })
  const chain = [leaf, by.issuer].map(({ der }) => encodePem('CERTIFICATE', der)).join('')
  return {
    x509pop_cert: file(`${name}.pem`, chain),
    x509pop_key: file(`${name}.key`, key.export({ type: 'pkcs8', format: 'pem' }) as string),
  }
}

const settings = (name: string, proof: object) =>
  daemonConfig(
    {
      ...proof,
      authority: server.url,
      root_file: server.rootFile,
      socket: `unix://${folder}/s/${name}.sock`,
      admin_socket: `s/${name}-admin.sock`,
      data: name,
      log_level: 'silent',
    },
    folder,
  )

before(async () => {
  const listen = '127.0.0.1:0'
  const x509pop = { ca_file: file('ca.pem', machines.rootPem), groups: ['metal'] }
  server = await startServer(serverConfig({ data: join(folder, 'a'), listen, x509pop, log: { level: 'silent' } }), {
    env: {},
  })
})

after(async () => {
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

for (const type of ['P-256', 'RSA'] as const)
  test(`by a certificate with an ${type} key, again the same node after its folder was lost`, async () => {
    const proof = await machine(`m-${type}`, type)
    const names: string[] = []
    for (let i = 0; i < 2; i++) {
      const daemon = await startDaemon(settings(`n-${type}`, proof))
      names.push(daemon.nodeId)
      assert.deepEqual(daemon.status().node?.groups, ['metal'])
      const key = readFileSync(join(folder, `n-${type}`, 'node.json'), 'utf8')
      assert.ok(!key.includes(readFileSync(proof.x509pop_key, 'utf8')))
      await daemon.close()
      rmSync(join(folder, `n-${type}`), { recursive: true })
    }
    assert.match(names[0]!, /\/lanyard\/node\/x509pop-[0-9a-f]{32}$/)
    assert.equal(names[0], names[1])
  })

test('a machine of another authority is refused, and so is one whose key is elsewhere', async () => {
  const stranger = await machine('stranger', 'P-256', new FakeTrustDomain('machines.example'))
  const [a, b] = [await machine('a', 'P-256'), await machine('b', 'P-256')]
  for (const proof of [stranger, { x509pop_cert: a.x509pop_cert, x509pop_key: b.x509pop_key }])
    await assert.rejects(startDaemon(settings('x', proof)), { code: 'node_proof_invalid' })
})
