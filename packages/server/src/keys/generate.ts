import type { KeyObject } from 'node:crypto'
import type { KeyType } from '@lanyard/protocol'
import { generateKey } from '@lanyard/protocol/node'
import type { KeyAlgorithm } from './key-manager.ts'

const KINDS: Readonly<Record<KeyAlgorithm, readonly [KeyType, number?]>> = {
  'P-256': ['P-256'],
  'P-384': ['P-384'],
  'RSA-2048': ['RSA', 2048],
  'RSA-3072': ['RSA', 3072],
  'RSA-4096': ['RSA', 4096],
}

export const generatePrivateKey = (algorithm: KeyAlgorithm): Promise<KeyObject> => generateKey(...KINDS[algorithm])
