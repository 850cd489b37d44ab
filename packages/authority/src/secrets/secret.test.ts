import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { nodeCrypto } from '@lanyard/protocol/node'
import { agentSecretsIn, newAgentSecret, parseAgentSecret } from './secret.ts'

const dice = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }
const parse = (text: string) => parseAgentSecret(text, nodeCrypto)
const sum = (front: string) => createHash('sha256').update(front).digest('hex').slice(0, 8)

test('whole secrets are found in a text, and what only looks like one is not', () => {
  const [one, other] = [newAgentSecret(dice, nodeCrypto), newAgentSecret(dice, nodeCrypto)]
  const broken = other.secret.replace(/.$/, last => (last === '0' ? '1' : '0'))
  const text = `SECRET=${one.secret}\n# ${broken}\n{"secret":"${other.secret}","of":"lanyard-secret_x"}`
  assert.deepEqual(agentSecretsIn(text, nodeCrypto), [one.id, other.id])
})

describe('secrets of agents', () => {
  test('are read as they were made, and each is another', () => {
    const made = newAgentSecret(dice, nodeCrypto)
    assert.match(made.secret, /^lanyard-secret_[0-9a-f]{12}_[0-9a-f]{64}_[0-9a-f]{8}$/)
    assert.deepEqual(parse(made.secret), { id: made.id, hash: made.hash })
    const other = newAgentSecret(dice, nodeCrypto)
    assert.notEqual(other.id, made.id)
    assert.notDeepEqual(other.hash, made.hash)
  })

  // An API key of the same bits must not have the same hash: what is stored of one would let in the other.
  test('are stored by a hash of their own', () => {
    const zeros = { bytes: (length: number) => new Uint8Array(length) }
    const { hash } = newAgentSecret(zeros, nodeCrypto)
    const bits = '0'.repeat(64)
    for (const text of [bits, `lanyard-api-key:${bits}`])
      assert.notDeepEqual(Buffer.from(hash), createHash('sha256').update(text).digest())
  })

  test('are refused when a letter is wrong, at any place', () => {
    const { secret } = newAgentSecret(dice, nodeCrypto)
    for (let at = 0; at < secret.length; at++) {
      const wrong = secret[at] === '0' ? '1' : '0'
      assert.equal(parse(`${secret.slice(0, at)}${wrong}${secret.slice(at + 1)}`), undefined, `letter ${at}`)
      assert.equal(parse(secret.slice(0, at)), undefined)
      assert.equal(parse(`${secret.slice(0, at)}${secret.slice(at + 1)}`), undefined)
    }
  })

  const front = `lanyard-secret_${'a'.repeat(12)}_${'b'.repeat(64)}`
  const HOSTILE: readonly [why: string, text: string][] = [
    ['nothing', ''],
    ['no checksum', front],
    ['the checksum of another', `${front}_${sum(`${front}x`)}`],
    ['capitals', `${front}_${sum(front)}`.toUpperCase()],
    ['bits in capitals, checksum right', `${front.replaceAll('b', 'B')}_${sum(front.replaceAll('b', 'B'))}`],
    ['an API key', `lanyard_${'a'.repeat(12)}_${'b'.repeat(64)}`],
    ['a space before', ` ${front}_${sum(front)}`],
    ['a line end behind', `${front}_${sum(front)}\n`],
    ['two', `${front}_${sum(front)}${front}_${sum(front)}`],
    ['a longer id', (f => `${f}_${sum(f)}`)(`lanyard-secret_${'a'.repeat(13)}_${'b'.repeat(64)}`)],
    ['an empty id', (f => `${f}_${sum(f)}`)(`lanyard-secret__${'b'.repeat(64)}`)],
  ]
  for (const [why, text] of HOSTILE) test(`${why} is none`, () => assert.equal(parse(text), undefined))

  test('the sample is one, so that the table above says something', () => {
    assert.equal(parse(`${front}_${sum(front)}`)?.id, 'a'.repeat(12))
  })
})
