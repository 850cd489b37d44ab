import { generateKeyPair, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { KeyType } from '../algorithms.ts'

const makeRsa = promisify(generateKeyPair)

/**
 * A new private key. RSA is made on a thread of its own, since it takes from 50 ms to seconds; `rsaBits` is 2048 when
 * absent and means nothing for other types.
 */
export async function generateKey(type: KeyType, rsaBits = 2048): Promise<KeyObject> {
  if (type !== 'RSA') return generateKeyNow(type)
  return (await makeRsa('rsa', { modulusLength: rsaBits })).privateKey
}

/** A new private key at once, for the types that take microseconds. */
export function generateKeyNow(type: Exclude<KeyType, 'RSA'>): KeyObject {
  if (type === 'Ed25519') return generateKeyPairSync('ed25519').privateKey
  return generateKeyPairSync('ec', { namedCurve: type }).privateKey
}
