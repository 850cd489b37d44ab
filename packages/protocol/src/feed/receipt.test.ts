import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { encodeUtf8 } from '../bytes.ts'
import type { ProtocolCode } from '../errors.ts'
import { nodeCrypto } from '../node/crypto.ts'
import { TestIdentity } from '../node/test-ca.ts'
import { codeOf, refuses } from '../refusals.suite.ts'
import { TrustDomain } from '../spiffe/id.ts'
import { extendedKeyUsage } from '../x509/extension-encoders.ts'
import { AckVerifier, openAck, signAck, verifyAck } from './ack.ts'
import {
  AT,
  ack,
  agents,
  chainOfSvid,
  feedKey,
  forge,
  receipt,
  receiptKey,
  receiptPoint,
  root,
  signing,
  svid,
  trustDomain,
  x5cOf,
} from './feed.suite.ts'
import { signReceipt, verifyReceipt } from './receipt.ts'
import { encodeReceipt, parseReceipt } from './receipt-fields.ts'
import type { Ack, Receipt, ReceiptPoint } from './types.ts'

const roots = [root.certificate]
const point = svid()
const expected = { trustDomain, roots, at: AT }
const signed = (change: Partial<Ack> = {}, by = point) => signAck({ ...ack, ...change }, chainOfSvid(by)) as string

describe('an acknowledgement', () => {
  it('is read as it was signed', () => {
    const verified = verifyAck(signed(), expected, nodeCrypto)
    assert.deepEqual(verified.ack, ack)
    assert.equal(`${verified.id}`, 'spiffe://example.org/acme/point')
    assert.deepEqual(verified.chain, [point.certificate, agents.certificate, root.certificate])
    assert.deepEqual(verifyAck(signed({ lastAccept: null }), expected, nodeCrypto).ack.lastAccept, null)
  })

  it('is refused from anyone but a live SVID of the trust domain', () => {
    const rows: readonly [TestIdentity, ProtocolCode][] = [
      [svid('spiffe://example.com/acme/point'), 'spiffe_id_mismatch'],
      [svid(undefined, { notAfter: AT / 1000 - 1 }), 'certificate_expired'],
      [svid(undefined, { names: { dns: ['point.example'] } }), 'svid_uri_missing'],
      [
        TestIdentity.root().leaf({ subject: '', names: { uri: ['spiffe://example.org/acme/point'] } }),
        'chain_untrusted',
      ],
      [feedKey('one'), 'svid_extended_key_usage_incomplete'],
    ]
    for (const [by, code] of rows)
      assert.equal(
        codeOf(() => verifyAck(signed({}, by), expected, nodeCrypto)),
        code,
      )
  })

  it('is refused when other bytes or another key signed it', () => {
    const header = { alg: 'ES256', kid: 'x', typ: 'lanyard-ack+jwt', x5c: x5cOf(point, agents) }
    const payload = JSON.parse(Buffer.from(signed().split('.')[1]!, 'base64url').toString())
    const verify = (token: string) => verifyAck(token, expected, nodeCrypto)
    assert.ok(verify(forge(header, payload, point.key)))
    refuses('jws_signature_invalid', () => verify(forge(header, payload, svid().key)))
    refuses('jws_type_mismatch', () => verify(forge({ ...header, typ: 'lanyard-feed+jwt' }, payload, point.key)))
    refuses('ack_invalid', () => verify(forge({ ...header, x5c: undefined }, payload, point.key)))
    for (const change of [{ point: 'me' }, { epoch: -1 }, { cut: 1.5 }, { last_accept: '0' }, { offset_ms: null }, { uncertainty_ms: -1 }, { applied_at: null }, { more: 1 }]) // biome-ignore format: a row
      refuses('ack_invalid', () => verify(forge(header, { ...payload, ...change }, point.key)), JSON.stringify(change))
  })

  it('is judged at the time that is asked for', () => {
    const brief = svid(undefined, { notBefore: AT / 1000, notAfter: AT / 1000 + 300 })
    const token = signed({}, brief)
    assert.ok(verifyAck(token, { ...expected, at: AT + 300_999 }, nodeCrypto))
    refuses('certificate_expired', () => verifyAck(token, { ...expected, at: AT + 301_000 }, nodeCrypto))
    assert.deepEqual(openAck(token, nodeCrypto).chain[0], brief.certificate)
  })
})

describe('AckVerifier', () => {
  it('says the same as verifyAck, the first time and later', () => {
    const verifier = new AckVerifier(nodeCrypto)
    for (const cut of [1, 2, 3]) {
      const token = signed({ cut })
      assert.deepEqual(verifier.verify(token, expected), verifyAck(token, expected, nodeCrypto))
    }
  })

  it('trusts no signature for the sake of a chain that it knows', () => {
    const verifier = new AckVerifier(nodeCrypto)
    verifier.verify(signed(), expected)
    const [header, , signature] = signed().split('.')
    const [, payload] = signed({ cut: 999 }).split('.')
    refuses('jws_signature_invalid', () => verifier.verify(`${header}.${payload}.${signature}`, expected))
  })

  it('judges a chain that it knows by the time, the roots and the trust domain of each call', () => {
    const verifier = new AckVerifier(nodeCrypto)
    const brief = svid(undefined, { notBefore: AT / 1000, notAfter: AT / 1000 + 300 })
    const token = signed({}, brief)
    verifier.verify(token, expected)
    assert.ok(verifier.verify(token, { ...expected, at: AT + 300_999 }))
    refuses('certificate_expired', () => verifier.verify(token, { ...expected, at: AT + 301_000 }))
    refuses('chain_untrusted', () => verifier.verify(token, { ...expected, roots: [] }))
    const elsewhere = TrustDomain.parse('other.example')
    refuses('spiffe_id_mismatch', () => verifier.verify(token, { ...expected, trustDomain: elsewhere }))
  })
})

describe('a receipt', () => {
  let applied: ReceiptPoint
  before(() => {
    applied = receiptPoint({ ack: signed() })
  })
  const key = receiptKey()
  const issue = (change: Partial<Receipt> = {}, by = key) => signReceipt(receipt(change), signing(by))
  const verify = (token: string) => verifyReceipt(token, { roots }, nodeCrypto)
  const refused = async (code: ProtocolCode, change: Partial<Receipt>, by = key) => {
    const token = await issue(change, by)
    assert.equal(
      codeOf(() => verify(token)),
      code,
      JSON.stringify(change).slice(0, 200),
    )
  }

  it('is read as it was signed, with who acknowledged', async () => {
    const silent = receiptPoint({ point: '00000000-0000-0000-0000-000000000001', outcome: 'silent', appliedAt: null, failsClosedBy: AT + 4000 }) // biome-ignore format: a row
    const foreign = receiptPoint({ point: '00000000-0000-0000-0000-000000000002', spiffeId: null })
    const all = receipt({ points: [applied, silent, foreign] })
    const verified = verify(await signReceipt(all, signing(key)))
    assert.deepEqual(verified.receipt, all)
    assert.equal(verified.signedAt, all.closedAt)
    assert.equal(`${verified.signer}`, 'spiffe://example.org/lanyard/receipt')
    assert.deepEqual(
      verified.acks.map(one => [one.point, `${one.id}`, one.ack]),
      [[ack.point, 'spiffe://example.org/acme/point', ack]],
    )
  })

  it('stays valid when every certificate in it has ended, and does not become valid backwards', async () => {
    const brief = receiptKey({ notBefore: AT / 1000, notAfter: AT / 1000 + 10 })
    assert.ok(verify(await issue({ closedAt: AT + 10_999 }, brief)))
    await refused('certificate_expired', { closedAt: AT + 11_000 }, brief)
    await refused('certificate_not_yet_valid', { closedAt: AT - 1 }, brief)
  })

  it('accepts the acknowledgement of a point that renewed after it had cut', async () => {
    const renewed = svid(undefined, { notBefore: AT / 1000 + 1 })
    assert.ok(verify(await issue({ points: [receiptPoint({ ack: signed({}, renewed) })], closedAt: AT + 5000 })))
  })

  it('is refused when a row says something else than its acknowledgement', async () => {
    const changes: readonly Partial<ReceiptPoint>[] = [
      { appliedAt: AT },
      { cut: 4 },
      { lastAccept: null },
      { offsetMs: 0 },
      { uncertaintyMs: 0 },
      { point: '00000000-0000-0000-0000-000000000001' },
      { spiffeId: 'spiffe://example.org/acme/other' },
      { spiffeId: null },
      { ack: null },
    ]
    for (const change of changes) await refused('receipt_invalid', { points: [{ ...applied, ...change }] })
    await refused('receipt_invalid', { points: [applied], epoch: 8 })
    await refused('spiffe_id_mismatch', {
      points: [{ ...applied, ack: signed({}, svid('spiffe://example.com/acme/point')) }],
    })
  })

  it('is refused from any key but that of receipts', async () => {
    const rows: readonly [TestIdentity, ProtocolCode][] = [
      [feedKey('one'), 'extended_key_usage_forbidden'],
      [svid(), 'chain_untrusted'],
      [receiptKey({ names: { uri: ['spiffe://example.com/lanyard/receipt'] } }), 'spiffe_id_mismatch'],
      [receiptKey({ names: { uri: ['spiffe://example.org/lanyard/receipt/one'] } }), 'spiffe_id_mismatch'],
      [
        receiptKey({ extensions: { extendedKeyUsage: extendedKeyUsage(['lanyardReceipt', 'clientAuth']) } }),
        'extended_key_usage_forbidden',
      ],
    ]
    for (const [by, code] of rows) await refused(code, {}, by)
    const token = await issue()
    refuses('chain_untrusted', () => verifyReceipt(token, { roots: [TestIdentity.root().certificate] }, nodeCrypto))
  })

  it('is refused when it is of another trust domain, or of one that is none', async () => {
    await refused('spiffe_id_mismatch', { trustDomain: 'example.com' })
    await refused('trust_domain_character', { trustDomain: 'example.org/x' })
    const token = await issue({ trustDomain: 'example.com' })
    refuses('receipt_invalid', () => verifyReceipt(token, { roots, trustDomain }, nodeCrypto))
  })

  it('is not signed, nor read, with members that are missing or more', async () => {
    await assert.rejects(issue({ points: [applied, applied] }), { code: 'receipt_invalid' })
    const sound = encodeReceipt(receipt({ points: [applied] }))
    const parse = (value: unknown) => parseReceipt(encodeUtf8(JSON.stringify(value)))
    assert.deepEqual(parse(sound), receipt({ points: [applied] }))
    for (const name of Object.keys(sound))
      refuses('receipt_invalid', () => parse({ ...sound, [name]: undefined }), name)
    for (const change of [{ more: 1 }, { epoch: 1.5 }, { commit: [] }, { points: {} }, { points: [[]] }, { points: [{}] }, { closed_at: -1 }]) // biome-ignore format: a row
      refuses('receipt_invalid', () => parse({ ...sound, ...change }), JSON.stringify(change))
  })
})
