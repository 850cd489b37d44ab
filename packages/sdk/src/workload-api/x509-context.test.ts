import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TestCa } from '../testing/ca.ts'
import { ALICE, BOB, ca } from '../testing/pair.ts'
import { x509Response } from '../testing/x509-response.ts'
import { x509 } from './x509-context.ts'

const others = new TestCa('example.net')
const federated = { 'spiffe://example.net': others.bundle }

describe('what one reader reads, message after message', () => {
  it('makes anew what has changed, and nothing else', () => {
    const { read } = x509()
    const [alice, bob, next] = [ca.svid(ALICE), ca.svid(BOB), ca.svid(BOB)]
    const before = read(x509Response([{ svid: alice }, { svid: bob }]))
    const after = read(x509Response([{ svid: alice, hint: 'main' }, { svid: next }]))
    assert.equal(after.svids[0]!.svid, before.svids[0]!.svid)
    assert.deepEqual(
      after.svids.map(({ svid, hint }) => [svid.serial, hint]),
      [
        [alice.serial, 'main'],
        [next.serial, null],
      ],
    )
    // What a message lacked is forgotten.
    assert.notEqual(read(x509Response([{ svid: bob }])).svids[0]!.svid, before.svids[1]!.svid)
  })

  it('knows two identities of the same bytes apart by nothing but their place', () => {
    const svid = ca.svid(ALICE)
    const { svids } = x509().read(x509Response([{ svid }, { svid, hint: 'again' }]))
    assert.deepEqual(
      svids.map(({ hint }) => hint),
      [null, 'again'],
    )
  })

  it('lets an identity believe those whom its own message names', () => {
    const { read } = x509()
    const svid = ca.svid(ALICE)
    const believes = (bundles: Readonly<Record<string, string>>) => {
      const context = read(x509Response([{ svid }], bundles))
      const names = context.svids[0]!.svid.federated.map(({ trustDomain }) => trustDomain.name)
      assert.equal(context.bundles.size, 1 + names.length)
      return names
    }
    assert.deepEqual(believes({}), [])
    assert.deepEqual(believes(federated), ['example.net'])
    assert.deepEqual(believes({ 'spiffe://example.com': others.bundle }), ['example.com'])
    assert.deepEqual(believes({}), [])
  })

  it('takes a key that is not that of a known certificate for wrong', () => {
    const { read } = x509()
    const [alice, other] = [ca.svid(ALICE), ca.svid(ALICE)]
    read(x509Response([{ svid: alice }]))
    const { id, certificate, chain, bundle } = alice
    const mixed = { id, certificate, chain, bundle, privateKeyPem: () => other.privateKeyPem() }
    assert.throws(() => read(x509Response([{ svid: mixed }])), { code: 'workload_api_reply_invalid' })
    const renamed = { ...mixed, id: ca.svid(BOB).id, privateKeyPem: () => alice.privateKeyPem() }
    assert.throws(() => read(x509Response([{ svid: renamed }])), { code: 'workload_api_reply_invalid' })
    assert.equal(read(x509Response([{ svid: alice }])).svids[0]!.svid.serial, alice.serial)
  })
})
