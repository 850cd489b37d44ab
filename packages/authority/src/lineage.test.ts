import assert from 'node:assert/strict'
import { test } from 'node:test'
import { permissionsOf } from '@lanyard/api'
import type { TokenCaller } from './caller.ts'
import { type Place, placeByNode, placeByRenewal, placeByToken, type Refusal } from './lineage.ts'
import type { CertificateState, LineageState } from './ports.ts'

const lineage = (generation: number, newestKey: string | null): LineageState => ({
  id: 'aa'.repeat(16),
  tenant: 'acme',
  agent: 'invoice',
  incarnation: 1,
  openedAt: 0,
  endsAt: 1e12,
  mintedBy: 'api-key:1',
  jti: 'bb'.repeat(16),
  jkt: null,
  standing: 'open',
  generation,
  newestKey,
})
const token = (jkt: string | null = null) =>
  ({ kind: 'agent-token', permissions: permissionsOf('agent'), jkt }) as TokenCaller
const certificate = (generation: number, keyThumbprint: string) =>
  ({ serial: '40'.repeat(16), generation, keyThumbprint }) as CertificateState
const outcome = (result: Place | Refusal) =>
  result.kind === 'place' ? result.generation : `${result.error.code}${result.freeze ? ', frozen' : ''}`

test('a token serves the first key that comes, again and again, until it has renewed', () => {
  const table: [string, LineageState, TokenCaller, string, number | string][] = [
    ['the first key claims it', lineage(0, null), token(), 'K1', 1],
    ['the same key again is a lost reply', lineage(1, 'K1'), token(), 'K1', 1],
    ['another key', lineage(1, 'K1'), token(), 'K2', 'token_reused'],
    ['any key once its certificate has renewed', lineage(2, 'K2'), token(), 'K1', 'token_reused'],
    ['the key of a later certificate', lineage(2, 'K2'), token(), 'K2', 'key_reused'],
    ['bound to this key', lineage(0, null), token('K1'), 'K1', 1],
    ['bound to another key', lineage(0, null), token('K1'), 'K2', 'token_key_mismatch'],
  ]
  for (const [why, state, caller, key, expected] of table) {
    assert.equal(outcome(placeByToken(state, caller, key)), expected, why)
  }
})

test('only the newest certificate renews, and a second child freezes the lineage', () => {
  const table: [string, LineageState, CertificateState, string, number | string][] = [
    ['the newest renews', lineage(1, 'K1'), certificate(1, 'K1'), 'K2', 2],
    ['with its own key again', lineage(1, 'K1'), certificate(1, 'K1'), 'K1', 'key_reused'],
    ['the parent again with the same new key is a lost reply', lineage(2, 'K2'), certificate(1, 'K1'), 'K2', 2],
    ['the parent again with another key', lineage(2, 'K2'), certificate(1, 'K1'), 'K3', 'lineage_forked, frozen'],
    ['a grandparent', lineage(3, 'K3'), certificate(1, 'K1'), 'K4', 'lineage_forked, frozen'],
    ['a grandparent with the newest key', lineage(3, 'K3'), certificate(1, 'K1'), 'K3', 'lineage_forked, frozen'],
  ]
  for (const [why, state, parent, key, expected] of table) {
    assert.equal(outcome(placeByRenewal(state, parent, key)), expected, why)
  }
})

test('a node that lost what it held goes on with a new key, and a lost reply comes again', () => {
  assert.deepEqual(placeByNode(lineage(0, null), 'K1'), { kind: 'place', generation: 1, parent: null })
  assert.deepEqual(placeByNode(lineage(3, 'K3'), 'K4'), { kind: 'place', generation: 4, parent: null })
  assert.deepEqual(placeByNode(lineage(3, 'K3'), 'K3'), { kind: 'place', generation: 3, parent: null })
})
