import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { until } from '../../support/cast.ts'
import { openStage, type WorkloadStage } from '../../support/workload-stage.ts'
import { skipUnless, start } from '../programs.ts'

describe('spiffe-helper', skipUnless('spiffe-helper'), () => {
  let stage: WorkloadStage
  let folder: string
  before(async () => {
    stage = await openStage({ x509_ttl_sec: 60 })
    folder = mkdtempSync(join(tmpdir(), 'lanyard-helper-'))
  })
  after(async () => {
    await stage?.remove()
    rmSync(folder, { recursive: true, force: true })
  })
  const file = (name: string) => readFileSync(join(folder, name), 'utf8')
  const configured = (daemon: boolean) => {
    const path = join(folder, 'helper.conf')
    const settings = {
      ...{ agent_address: stage.socket, cert_dir: folder, svid_file_name: 'svid.pem' },
      ...{ svid_key_file_name: 'key.pem', svid_bundle_file_name: 'bundle.pem', jwt_bundle_file_name: 'jwks.json' },
    }
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
    const jwt = 'jwt_svids = [{ jwt_audience = "service", jwt_svid_file_name = "token.jwt" }]'
    writeFileSync(path, [...lines, jwt, `daemon_mode = ${daemon}`].join('\n'))
    return ['-config', path]
  }

  test('writes SVID, key, bundles and token once, and ends well', async () => {
    const helper = start('spiffe-helper', stage.socket, configured(false))
    assert.equal(await helper.end(), 0, helper.errors())
    const leaf = new X509Certificate(file('svid.pem'))
    assert.equal(leaf.subjectAltName, `URI:${stage.id}`)
    assert.ok(new X509Certificate(file('bundle.pem')).ca)
    assert.match(file('key.pem'), /PRIVATE KEY/)
    assert.equal(statSync(join(folder, 'key.pem')).mode & 0o777, 0o600)
    assert.equal(file('token.jwt').split('.').length, 3)
    assert.match(Object.keys(JSON.parse(file('jwks.json'))).join(), new RegExp(stage.domain))
  })

  test('writes them anew when the identity is renewed', async context => {
    const helper = start('spiffe-helper', stage.socket, configured(true))
    context.after(() => helper.child.kill('SIGKILL'))
    const serial = () => new X509Certificate(file('svid.pem')).serialNumber
    const before = serial()
    // What the certificate says changes, so that it is made anew at once.
    await stage.change(stage.entry.id, { x509_ttl_sec: 120 })
    await until(
      async () => serial(),
      now => now !== before,
    )
    assert.equal(new X509Certificate(file('svid.pem')).subjectAltName, `URI:${stage.id}`)
  })
})
