import { keyIdOf } from '@lanyard/authority'
import { nodeCrypto } from '@lanyard/protocol/node'

/** Hex of the identifier of a public key, from its DER SubjectPublicKeyInfo. */
export const keyIdOfSpki = (spki: Uint8Array): string => keyIdOf(spki, nodeCrypto)
