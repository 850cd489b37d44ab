import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChainHeads, GENESIS, linkHash } from './chains.ts'

const START = { seq: 0, hash: GENESIS }
const heads = () => new ChainHeads('i-1', 1, { audit: START, issuance: START })

// Computed apart: printf '["lanyard-audit-1","i-1",1,"00…00",5,"agent.created",null]' | sha256sum
const FIRST = '12362eb3e47788926a91bb309b6a1aee8603da6f3fc8acd3b5bcb7edbb42eb7d'

test('a link is the SHA-256 of a JSON array that anyone can write down', () => {
  const link = linkHash({ instance: 'i-1', chain: 'audit', ...START }, 1, [5, 'agent.created', null])
  assert.equal(link.toString('hex'), FIRST)
})

test('a link depends on chain, instance, place, predecessor and every field', () => {
  const base = { instance: 'i-1', chain: 'audit', ...START } as const
  const hashes = [
    linkHash(base, 1, ['a', 'b']),
    linkHash({ ...base, chain: 'issuance' }, 1, ['a', 'b']),
    linkHash({ ...base, instance: 'i-2' }, 1, ['a', 'b']),
    linkHash({ ...base, hash: 'f'.repeat(64) }, 1, ['a', 'b']),
    linkHash(base, 2, ['a', 'b']),
    linkHash(base, 1, ['ab', '']),
    linkHash(base, 1, ['a', null]),
    linkHash(base, 1, ['a', 'null']),
  ].map(hash => hash.toString('hex'))
  assert.equal(new Set(hashes).size, hashes.length)
})

test('heads that are put back give the same place again', () => {
  const chain = heads()
  chain.next('audit', ['kept'])
  const before = chain.standing
  const undone = chain.next('audit', ['undone'])
  chain.next('issuance', ['undone too'])
  chain.putBack(before)
  const again = chain.next('audit', ['undone'])
  assert.deepEqual(again, undone)
  assert.equal(chain.next('issuance', ['x']).place, 1)
})
