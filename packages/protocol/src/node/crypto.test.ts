import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type KeyType, SIGNATURE_ALGORITHMS, type SignatureAlgorithm, signatureAlgorithmFor } from '../algorithms.ts'
import { nodeCrypto, nodeSigner, spkiOf } from './crypto.ts'
import { generateKey, generateKeyNow } from './generate.ts'
import { keyTypeOf, PublicKeyCache } from './key-cache.ts'

const TYPES: readonly KeyType[] = ['RSA', 'P-256', 'P-384', 'P-521', 'Ed25519']
const keys = new Map(await Promise.all(TYPES.map(async type => [type, await generateKey(type)] as const)))
const ALGORITHMS: readonly SignatureAlgorithm[] = Object.values(SIGNATURE_ALGORITHMS)
const FORMATS = ['der', 'raw'] as const
const data = new Uint8Array(Buffer.from('what is signed'))

/** Every key with every algorithm that suits it and every format. */
const suitable = ALGORITHMS.flatMap(algorithm =>
  algorithm.keys.flatMap(type => FORMATS.map(format => ({ algorithm, type, format }))),
)

describe('signing and verifying', () => {
  for (const { algorithm, type, format } of suitable)
    it(`${algorithm.name} with ${type}, ${format}`, async () => {
      const signer = nodeSigner(keys.get(type)!, algorithm)
      const signature = await signer.sign(data, format)
      const verify = (spki: Uint8Array, bytes: Uint8Array, proof: Uint8Array) =>
        nodeCrypto.verify(algorithm, spki, bytes, proof, format)
      assert.equal(verify(signer.spki, data, signature), true)
      assert.equal(verify(signer.spki, data.with(0, 0), signature), false)
      assert.equal(verify(signer.spki, data, signature.with(-1, signature.at(-1)! ^ 1)), false)
      assert.equal(verify(signer.spki, data, signature.subarray(1)), false)
      assert.equal(verify(signer.spki, data, new Uint8Array()), false)
    })

  it('never takes one algorithm for another, nor one format for the other', async () => {
    for (const { algorithm, type, format } of suitable) {
      const signer = nodeSigner(keys.get(type)!, algorithm)
      const signature = await signer.sign(data, format)
      for (const other of ALGORITHMS)
        for (const otherFormat of FORMATS) {
          const ecdsa = algorithm.padding === null && algorithm.hash !== null
          const same = other === algorithm && (!ecdsa || otherFormat === format)
          const got = nodeCrypto.verify(other, signer.spki, data, signature, otherFormat)
          assert.equal(
            got,
            same,
            `${algorithm.name} with ${type} in ${format}, taken for ${other.name} in ${otherFormat}`,
          )
        }
    }
  })

  it('accepts only the salt that belongs to the hash', () => {
    const key = keys.get('RSA')!
    for (const [saltLength, expected] of [
      [32, true],
      [0, false],
      [20, false],
      [222, false],
    ] as const) {
      const signature = sign('sha256', data, { key, padding: 6, saltLength })
      assert.equal(
        nodeCrypto.verify(SIGNATURE_ALGORITHMS['RSA-PSS-SHA256'], spkiOf(key), data, signature, 'der'),
        expected,
      )
    }
  })

  it('takes no RSA signature without its leading zeros, although OpenSSL would', async () => {
    const signer = nodeSigner(keys.get('RSA')!, SIGNATURE_ALGORITHMS['RSA-PSS-SHA256'])
    let signature = await signer.sign(data, 'raw')
    // One in 256: the salt makes every signature another.
    while (signature[0] !== 0) signature = await signer.sign(data, 'raw')
    const verify = (proof: Uint8Array) => nodeCrypto.verify(signer.algorithm, signer.spki, data, proof, 'raw')
    assert.deepEqual([verify(signature), verify(signature.subarray(1))], [true, false])
    assert.equal(verify(Uint8Array.of(0, ...signature)), false)
  })

  it('is false for bytes that are no key', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.constantFrom(...ALGORITHMS), (bytes, algorithm) => {
        assert.equal(nodeCrypto.verify(algorithm, bytes, data, data, 'der'), false)
      }),
    )
  })

  it('is false for keys of other types', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
    const signature = sign('sha256', data, privateKey)
    assert.equal(
      nodeCrypto.verify(SIGNATURE_ALGORITHMS['ECDSA-SHA256'], spkiOf(privateKey), data, signature, 'der'),
      false,
    )
    const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey
    const proof = sign('sha256', data, { key: pss, padding: 6, saltLength: 32 })
    assert.equal(nodeCrypto.verify(SIGNATURE_ALGORITHMS['RSA-PSS-SHA256'], spkiOf(pss), data, proof, 'der'), false)
  })

  it('hashes', () => {
    const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    assert.equal(Buffer.from(nodeCrypto.sha256(new Uint8Array())).toString('hex'), empty)
  })
})

describe('signers', () => {
  it('sign with the algorithm of their type', () => {
    for (const [type, key] of keys) {
      assert.equal(keyTypeOf(key), type)
      assert.equal(nodeSigner(key).algorithm, signatureAlgorithmFor(type))
    }
  })

  it('refuse public keys, other types and other algorithms', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
    assert.throws(() => nodeSigner(publicKey), TypeError)
    assert.throws(() => nodeSigner(privateKey), TypeError)
    assert.throws(() => nodeSigner(generateKeyNow('P-256'), SIGNATURE_ALGORITHMS.Ed25519), TypeError)
  })

  it('give the same public key for both halves', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    assert.deepEqual(spkiOf(privateKey), spkiOf(publicKey))
    assert.ok(!Buffer.isBuffer(spkiOf(publicKey)))
  })

  it('make RSA keys of the size asked for', async () => {
    assert.equal((await generateKey('RSA', 3072)).asymmetricKeyDetails?.modulusLength, 3072)
  })
})

describe('the cache of public keys', () => {
  const spkis = Array.from({ length: 4 }, () => spkiOf(generateKeyNow('P-256')))

  it('gives the same key for the same bytes', () => {
    const cache = new PublicKeyCache(2)
    const first = cache.get(spkis[0]!)
    assert.equal(cache.get(Buffer.from(spkis[0]!)), first)
    assert.notEqual(cache.get(spkis[1]!), first)
  })

  it('forgets what was not used for the longest time', () => {
    const cache = new PublicKeyCache(2)
    const first = cache.get(spkis[0]!)
    const second = cache.get(spkis[1]!)
    cache.get(spkis[0]!)
    cache.get(spkis[2]!)
    assert.equal(cache.get(spkis[0]!), first)
    assert.notEqual(cache.get(spkis[1]!), second)
  })

  it('remembers no bytes that are no key', () => {
    const cache = new PublicKeyCache(1)
    const first = cache.get(spkis[0]!)
    assert.throws(() => cache.get(new Uint8Array(10)))
    assert.equal(cache.get(spkis[0]!), first)
  })
})
