import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { jwkFromSpki, jwkThumbprint } from '../jose/jwk.ts'
import { nodeCrypto } from '../node/crypto.ts'
import { SpiffeId } from '../spiffe/id.ts'
import { IdTemplate } from '../spiffe/id-template.ts'
import { lanyardIdentity } from '../x509/extension-encoders.ts'
import { credentialOf, tokenCredentialOf } from './credential.ts'
import { ALICE, agents, root, svid, trustDomain } from './feed.suite.ts'

const template = IdTemplate.parse('/{tenant}/{agent}')
const proved = (leaf: ReturnType<typeof svid>, uri = ALICE) => ({
  id: SpiffeId.parse(uri),
  path: [leaf.certificate, agents.certificate, root.certificate],
})

describe('credentialOf', () => {
  it('says all that a death can concern', () => {
    const identity = { incarnation: 3, lineage: new Uint8Array(16).fill(0xab) }
    const leaf = svid(ALICE, { extensions: { lanyard: lanyardIdentity(identity) } })
    assert.deepEqual(credentialOf(proved(leaf), template, nodeCrypto), {
      id: ALICE,
      tenant: 'acme',
      incarnation: 3,
      lineage: 'ab'.repeat(16),
      keyThumbprint: jwkThumbprint(jwkFromSpki(leaf.certificate.publicKey.der), nodeCrypto),
      issuerKeyId: Buffer.from(agents.certificate.subjectKeyId!).toString('hex'),
    })
  })

  it('is of incarnation 0 where the certificate says none, and of no tenant where the template does not fit', () => {
    const credential = credentialOf(proved(svid(ALICE), `${ALICE}/more`), template, nodeCrypto)
    assert.deepEqual([credential.incarnation, credential.lineage, credential.tenant], [0, null, null])
    assert.equal(credentialOf(proved(svid(ALICE)), null, nodeCrypto).tenant, null)
  })
})

describe('tokenCredentialOf', () => {
  const id = SpiffeId.parse(ALICE)

  it('says what of a token can die', () => {
    const { incarnation, lineage, ...rest } = tokenCredentialOf(id, 'acme', { inc: 3, lin: 'ab', sub: ALICE })
    assert.deepEqual([incarnation, lineage], [3, 'ab'])
    assert.deepEqual(rest, { id: ALICE, tenant: 'acme', keyThumbprint: '', issuerKeyId: null })
  })

  it('is of incarnation 0 where the token says none, or something else than a number', () => {
    for (const claims of [{}, { inc: '3', lin: 3 }, { inc: null, lin: null }]) {
      const { incarnation, lineage } = tokenCredentialOf(id, null, claims)
      assert.deepEqual([incarnation, lineage], [0, null])
    }
  })
})

describe('IdTemplate.namesIn', () => {
  it('gives back the names that render to the ID', () => {
    const name = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,10}$/)
    const texts = fc.constantFrom('/{tenant}/{agent}', '/tenant/{tenant}/agent/{agent}', '/{agent}/of/{tenant}', '/x/{agent}/{tenant}/y') // biome-ignore format: a row
    fc.assert(
      fc.property(texts, name, name, (text, tenant, agent) => {
        fc.pre(![tenant, agent].some(one => one === 'lanyard' || one === 'spire'))
        const one = IdTemplate.parse(text)
        assert.deepEqual(one.namesIn(one.render(trustDomain, tenant, agent)), { tenant, agent })
      }),
    )
  })

  it('gives null for every other ID', () => {
    const one = IdTemplate.parse('/t/{tenant}/a/{agent}')
    for (const path of ['/t/acme/a', '/t/acme/b/alice', '/t/acme/a/alice/x', '/t/Acme/a/alice', '/t/acme/a/_x'])
      assert.equal(one.namesIn(SpiffeId.parse(`spiffe://example.org${path}`)), null, path)
    assert.equal(template.namesIn(SpiffeId.parse('spiffe://example.org/lanyard/server')), null)
  })
})
