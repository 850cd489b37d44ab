import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ProtocolError } from '../errors.ts'
import { nodeCrypto } from '../node/crypto.ts'
import { TEST_TIME, TestIdentity } from '../node/test-ca.ts'
import { judge, requestOf } from './chain.suite.ts'
import { verifyChain } from './chain.ts'

const root = TestIdentity.root()
const issuing = root.ca({ pathLen: 0 })
const leaf = issuing.leaf()

describe('verifyChain', () => {
  it('gives back the path, leaf first and root last, frozen', () => {
    const { path } = judge(() => ({ leaf, through: [issuing], roots: [TestIdentity.root(), root] }))
    assert.deepEqual(path, [leaf, issuing, root])
    const certificates = verifyChain(requestOf({ leaf, through: [issuing], roots: [root] }), nodeCrypto)
    assert.throws(() => (certificates as unknown[]).pop(), TypeError)
  })

  it('ignores what does not help', () => {
    const others = [root, TestIdentity.root(), leaf, root.ca(), issuing]
    assert.deepEqual(judge(() => ({ leaf, through: others, roots: [root] })).path, [leaf, issuing, root])
  })

  it('ends at the first trusted certificate, self-signed or not', () => {
    assert.deepEqual(judge(() => ({ leaf, through: [root], roots: [issuing] })).path, [leaf, issuing])
  })

  it('takes a leaf that stands among the roots, and only that very certificate', () => {
    const own = TestIdentity.root({ names: { dns: ['own.test'] } })
    const pinned = (trusted: TestIdentity) => judge(() => ({ leaf: own, roots: [trusted], name: { dns: 'own.test' } }))
    assert.deepEqual(pinned(own).path, [own])
    const lookalike = TestIdentity.root({ subject: own.certificate.subject.der, names: { dns: ['own.test'] } })
    assert.equal(pinned(lookalike).verdict, 'signature_invalid')
  })

  it('counts both ends of every validity', () => {
    const { notBefore, notAfter } = leaf.certificate
    const at = (time: number) => judge(() => ({ leaf, through: [issuing], roots: [root], at: time })).verdict
    assert.equal(at(notBefore - 1), 'certificate_not_yet_valid')
    assert.equal(at(notBefore), 'valid')
    assert.equal(at(notAfter), 'valid')
    assert.equal(at(notAfter + 1), 'certificate_expired')
  })

  it('gives grace to the leaf alone', () => {
    const short = issuing.leaf({ notAfter: TEST_TIME })
    const late = (grace: number, over: number) =>
      judge(() => ({ leaf: short, through: [issuing], roots: [root], at: TEST_TIME + over, notAfterGrace: grace }))
        .verdict
    assert.equal(late(60, 60), 'valid')
    assert.equal(late(60, 61), 'certificate_expired')
    assert.equal(late(0, 1), 'certificate_expired')
    const ended = root.ca({ notAfter: TEST_TIME - 1 })
    const chain = { leaf: ended.leaf(), through: [ended], roots: [root], notAfterGrace: 3600 }
    assert.equal(judge(() => chain).verdict, 'certificate_expired')
  })

  it('refuses numbers that are none, which would compare as valid', () => {
    const chain = { leaf, through: [issuing], roots: [root] }
    for (const at of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      assert.throws(() => verifyChain(requestOf({ ...chain, at }), nodeCrypto), TypeError)
    for (const count of [Number.NaN, -1, 1.5, Number.POSITIVE_INFINITY]) {
      assert.throws(() => verifyChain(requestOf({ ...chain, maxDepth: count }), nodeCrypto), TypeError)
      assert.throws(() => verifyChain(requestOf({ ...chain, notAfterGrace: count }), nodeCrypto), TypeError)
    }
  })

  it('says which certificate it refuses, and why', () => {
    const ended = root.ca({ notAfter: TEST_TIME - 1 })
    assert.throws(
      () => verifyChain(requestOf({ leaf: ended.leaf(), through: [ended], roots: [root] }), nodeCrypto),
      (error: Error) => error instanceof ProtocolError && error.message.startsWith('intermediate 1: ended at '),
    )
  })

  it('reports the attempt that came furthest', () => {
    // One path ends at an expired root, one nowhere, one at a key of the same name that signed nothing.
    const expired = TestIdentity.root({ subject: 'Old', notAfter: TEST_TIME - 1 })
    const stranger = TestIdentity.root({ subject: 'Stranger' })
    const ca = expired.ca({ subject: 'CA' })
    const cross = stranger.certify(ca)
    const decoy = TestIdentity.root({ subject: ca.certificate.subject.der })
    for (const through of [
      [ca, cross, decoy],
      [decoy, cross, ca],
    ]) {
      const chain = { leaf: ca.leaf(), through, roots: [expired] }
      assert.equal(judge(() => chain).verdict, 'certificate_expired')
    }
  })
})
