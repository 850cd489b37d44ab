import { randomBytes } from 'node:crypto'
import { keysSuite } from './keys.suite.ts'
import { MasterKey } from './master-key.ts'
import { MemoryKeys } from './memory.ts'
import { StoredKeys } from './stored.ts'

keysSuite('keys in memory', () => new MemoryKeys())
keysSuite('keys in the store', () => new StoredKeys(new MasterKey(randomBytes(32)), 'passphrase', 'example.org'))
