export { nodeCrypto, nodeSigner, spkiOf } from './crypto.ts'
export { generateKey, generateKeyNow } from './generate.ts'
export { keyTypeOf } from './key-cache.ts'
