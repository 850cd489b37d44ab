import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '@lanyard/protocol'
import { World } from './world.suite.ts'

test('an intermediate that somebody else has made is found as soon as it is stored, and no other key', async () => {
  const world = await World.make()
  const one = await world.open()
  // This one has not looked since.
  world.clock.pass(4 * 86_400)
  const other = await world.open()
  assert.notEqual(other.agentsIssuer().keyId, one.agentsIssuer().keyId)
  const { keyId, certificate } = other.agentsIssuer()
  assert.equal((await one.intermediate(keyId))?.serialHex, certificate.serialHex)
  assert.equal((await one.intermediate(toHex(certificate.subjectKeyId!)))?.serialHex, certificate.serialHex)
  assert.equal((await one.intermediate(one.agentsIssuer().keyId))?.serialHex, one.agentsIssuer().certificate.serialHex)
  const rows = await world.rows()
  for (const { keyId: id, purpose } of rows)
    if (purpose !== 'x509-agents') assert.equal(await one.intermediate(id), null, purpose)
  assert.equal(await one.intermediate('00'.repeat(20)), null)
  // What a certificate says of its issuer has any length.
  for (const id of ['', '00', 'ff'.repeat(500)]) assert.equal(await one.intermediate(id), null)
})
