import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LanyardError } from '@lanyard/api'
import fc from 'fast-check'
import { OutboundError } from '../outbound/ports.ts'
import { readKeySet } from './key-set.ts'
import { claims, craft, KEYS, outcome, PUBLISHED, SOURCE, TestNetwork } from './provider.suite.ts'

const issuers = new TestNetwork().issuers()
const TOKEN = craft({ alg: 'ES256', kid: 'e' }, claims(), KEYS.p256, 'ES256')

test('a token with any one character changed is refused', async () => {
  assert.equal(await outcome(issuers.verify(TOKEN, SOURCE)), 'accepted')
  for (let at = 0; at < TOKEN.length; at++)
    for (const other of ['A', 'f', '_', '.', '=', '\n', 'é']) {
      if (TOKEN[at] === other) continue
      const text = TOKEN.slice(0, at) + other + TOKEN.slice(at + 1)
      assert.equal(await outcome(issuers.verify(text, SOURCE)), 'external_token_invalid', `${at}: ${other}`)
    }
})

test('a token with anything left out, doubled or added is refused', async () => {
  for (let at = 0; at < TOKEN.length; at += 3) {
    const [before, behind] = [TOKEN.slice(0, at), TOKEN.slice(at)]
    for (const text of [before, behind.slice(1) + before, before + behind.slice(1), `${before}A${behind}`])
      assert.notEqual(await outcome(issuers.verify(text, SOURCE)), 'accepted', `${at}`)
  }
})

test('whatever comes as a token is refused with a code, and says no issuer that is no text', async () => {
  const parts = fc.array(fc.oneof(fc.json(), fc.string()), { maxLength: 4 })
  const written = parts.map(texts => texts.map(text => Buffer.from(text).toString('base64url')).join('.'))
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), written), async text => {
      const code = await outcome(issuers.verify(text, SOURCE))
      assert.equal(code, 'external_token_invalid')
      const issuer = issuers.issuerIn(text)
      assert.ok(issuer === null || typeof issuer === 'string')
    }),
  )
})

test('whatever comes as a set of keys gives keys or is refused, and never fails otherwise', () => {
  const member = fc.oneof(fc.string(), fc.constantFrom('RSA', 'EC', 'OKP', 'AQAB', 'P-256', 'sig'), fc.jsonValue())
  const names = fc.constantFrom('kty', 'n', 'e', 'crv', 'x', 'y', 'd', 'use', 'alg', 'kid', 'key_ops')
  const mixed = fc
    .tuple(fc.constantFrom(...PUBLISHED), fc.dictionary(names, member))
    .map(([known, more]) => ({ ...known, ...more }))
  fc.assert(
    fc.property(fc.array(fc.oneof(mixed, fc.jsonValue()), { maxLength: 25 }), keys => {
      try {
        for (const { algorithms, key } of readKeySet(JSON.stringify({ keys }))) {
          assert.equal(key.type, 'public')
          assert.ok(algorithms.length > 0 && algorithms.every(name => !/^(?:HS|none)/.test(name)))
        }
      } catch (error) {
        if (!(error instanceof OutboundError)) throw error
      }
    }),
  )
})

test('a refusal is one of ours, whatever a provider says in place of its keys', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async document => {
      const network = new TestNetwork()
      network.documents.set(SOURCE.jwksUri!, document)
      const error = await network
        .issuers()
        .verify(TOKEN, SOURCE)
        .then(
          () => assert.fail('it was accepted'),
          (refusal: unknown) => refusal,
        )
      assert.ok(error instanceof LanyardError)
      assert.match(error.code, /^(?:idp_unreachable|external_token_invalid)$/)
    }),
  )
})
