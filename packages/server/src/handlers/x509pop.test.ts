import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, test } from 'node:test'
import { type Certificate, jwkFromSpki, jwkThumbprint } from '@lanyard/protocol'
import { generateKey, generateKeyNow, nodeCrypto, spkiOf } from '@lanyard/protocol/node'
import { type HttpHarness, openHttp } from '../testing/http.ts'
import { Machine, newRequest } from '../testing/machines.ts'
import { heldNode } from '../testing/nodes.ts'

let server: HttpHarness
let admin: string
let company: Machine

before(async () => {
  company = Machine.authority()
  const x509pop = { roots: [company.certificate], tenant: 'acme', groups: ['metal'] }
  server = await openHttp({ parts: parts => ({ ...parts, nodes: { ...parts.nodes, x509pop } }) })
  await server.agent({ tenant: 'acme', agent: 'a1' })
  admin = await server.apiKey('admin')
})
after(() => server.close())

type Request = Awaited<ReturnType<typeof newRequest>>

const ask = (certificates: string) =>
  server.call('POST /v1/nodes/challenge', { body: { method: 'x509pop', certificates } })
const attest = (body: object) => server.call('POST /v1/nodes/attest', { body: { method: 'x509pop', ...body } })

/** All that a machine sends to become a node. */
async function proofOf(machine: Machine, request: Request) {
  const { body, status, text } = await ask(machine.pem)
  assert.equal(status, 200, text)
  const signature = await machine.proof(body.nonce, request.der)
  return { challenge: body.challenge, certificates: machine.pem, signature, csr: request.pem, nonce: body.nonce }
}
const send = ({ nonce: _, ...proof }: Awaited<ReturnType<typeof proofOf>>) => attest(proof)

async function becomes(machine: Machine) {
  const request = await newRequest()
  const answer = await send(await proofOf(machine, request))
  assert.equal(answer.status, 201, answer.text)
  return heldNode(request.key, answer.body)
}

for (const [name, key] of [
  ['P-256', () => generateKeyNow('P-256')],
  ['P-384', () => generateKeyNow('P-384')],
  ['P-521', () => generateKeyNow('P-521')],
  ['Ed25519', () => generateKeyNow('Ed25519')],
  ['RSA', () => generateKey('RSA')],
] as const)
  test(`a machine with a ${name} key becomes a node of the tenant and the groups that are set`, async () => {
    const machine = company.certify({ key: await key() })
    const { reply } = await becomes(machine)
    assert.match(reply.name, /^x509pop-[0-9a-f]{32}$/)
    assert.deepEqual([reply.tenant, reply.groups], ['acme', ['metal']])
    assert.equal(reply.spiffe_id, `spiffe://example.test/lanyard/node/acme/${reply.name}`)
  })

test('a machine attests again as the same node, with its new key alone', async () => {
  const machine = company.certify()
  const first = await becomes(machine)
  await server.call(`PATCH /v1/nodes/${first.reply.node}`, { token: admin, body: { groups: ['mine'] } })
  server.clock.advance(1)
  // Its certificate was renewed; its key is the same.
  const second = await becomes(company.certify({ key: machine.key }))
  assert.equal(second.reply.node, first.reply.node)
  assert.deepEqual(second.reply.groups, ['mine'])
  assert.equal((await server.call('POST /v1/node/renew', { tls: first })).body.code, 'node_unknown')
  assert.equal((await server.call('POST /v1/node/renew', { tls: second })).status, 201)
})

test('a machine below an intermediate is believed, one above none is not', async () => {
  const between = company.certify({ ca: true })
  const machine = between.certify()
  await becomes(machine)
  const alone = machine.pem.slice(0, machine.pem.indexOf('-----END') + '-----END CERTIFICATE-----'.length)
  assert.equal((await ask(alone)).body.code, 'node_proof_invalid')
})

test('what is no certificate of a machine is refused before anything is asked of it', async () => {
  const foreign = Machine.authority()
  const between = company.certify({ ca: true })
  const rsa = (modulusLength: number, publicExponent = 65_537) =>
    generateKeyPairSync('rsa', { modulusLength, publicExponent }).privateKey
  const hostile: Readonly<Record<string, string>> = {
    nothing: '',
    'no PEM': 'certificate',
    'another label': company.certify().pem.replaceAll('CERTIFICATE', 'PUBLIC KEY'),
    'a foreign authority': foreign.certify().pem,
    'an authority': between.pem,
    'the configured authority itself': rootPem(),
    'a leaf that signs nothing': company.certify({ usage: ['keyEncipherment'] }).pem,
    'one that has ended': company.certify({ begins: -100, ends: -10 }).pem,
    'one that has not begun': company.certify({ begins: 100 }).pem,
    'a key that is too small': company.certify({ spki: spkiOf(rsa(1024)) }).pem,
    'a key that is too large': company.certify({ spki: spkiOf(rsa(4608)) }).pem,
    'a small exponent': company.certify({ spki: spkiOf(rsa(2048, 3)) }).pem,
    'more certificates than any machine has': company.certify().pem.repeat(9),
  }
  for (const [what, pem] of Object.entries(hostile)) {
    const answer = await ask(pem)
    assert.equal(answer.body.code, pem.length > 16_384 ? 'body_invalid' : 'node_proof_invalid', what)
  }
})

const rootPem = () =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(company.certificate.der).toString('base64')}\n-----END CERTIFICATE-----\n`

test('nothing of a proof can be put in the place of another', async () => {
  const [machine, other] = [company.certify(), company.certify()]
  const [request, swapped] = [await newRequest(), await newRequest()]
  const good = await proofOf(machine, request)
  const strange = await proofOf(other, request)
  const later = await proofOf(machine, request)
  const wrong: Readonly<Record<string, object>> = {
    'a request with another key': { csr: swapped.pem },
    'the certificate of another machine': { certificates: other.pem },
    'the challenge of another machine': { challenge: strange.challenge },
    'another challenge of the same machine': { challenge: later.challenge },
    'the signature of another machine': { signature: strange.signature },
    'a signature over another nonce': { signature: later.signature },
    'a signature by the key of the request': { signature: await machine.proof(good.nonce, request.der, request.key) },
    'no signature': { signature: '' },
    'a signature that is no base64url': { signature: '*' },
    'a challenge of our own making': { challenge: forged(good.challenge) },
    'a challenge without a seal': { challenge: good.challenge.split('.').slice(0, 3).join('.') },
    'a challenge with more': { challenge: `${good.challenge}.` },
    'a challenge that is none': { challenge: '' },
  }
  const { nonce: _, ...body } = good
  for (const [what, change] of Object.entries(wrong))
    assert.equal((await attest({ ...body, ...change })).body.code, 'node_proof_invalid', what)
  // All the while the good one was good.
  assert.equal((await attest(body)).status, 201)
})

/** The same, asked a minute later. */
function forged(challenge: string): string {
  const [nonce, of, at, seal] = challenge.split('.')
  return [nonce, of, Number(at) + 60_000, seal].join('.')
}

test('a proof counts once, and for a minute', async () => {
  const machine = company.certify()
  const request = await newRequest()
  const proof = await proofOf(machine, request)
  assert.equal((await send(proof)).status, 201)
  assert.equal((await send(proof)).body.code, 'node_proof_invalid')
  const early = await proofOf(machine, request)
  server.clock.advance(1)
  const late = await proofOf(machine, request)
  server.clock.advance(60)
  assert.equal((await send(early)).body.code, 'node_proof_invalid')
  assert.equal((await send(late)).status, 201)
})

test('of many attestations at once one counts', async () => {
  const machine = company.certify()
  const proof = await proofOf(machine, await newRequest())
  const answers = await Promise.all(Array.from({ length: 16 }, () => send(proof)))
  assert.deepEqual(answers.map(({ status }) => status).sort(), [201, ...Array(15).fill(401)])
})

test('a banned machine stays out, whatever certificate it has', async () => {
  const machine = company.certify()
  const { reply } = await becomes(machine)
  await server.call(`POST /v1/nodes/${reply.node}/ban`, { token: admin, body: { reason: 'stolen' } })
  server.clock.advance(1)
  const renewed = company.certify({ key: machine.key })
  const answer = await send(await proofOf(renewed, await newRequest()))
  assert.equal(answer.body.code, 'node_banned')
  await server.call(`POST /v1/nodes/${reply.node}/unban`, { token: admin })
  server.clock.advance(1)
  await becomes(renewed)
})

test('a machine whose own key was killed stays out', async () => {
  const machine = company.certify()
  const key_thumbprint = jwkThumbprint(jwkFromSpki(spkiOf(machine.key)), nodeCrypto)
  const killed = await server.call('POST /v1/kill', { token: admin, body: { key_thumbprint, reason: 'stolen' } })
  assert.equal(killed.status, 202, killed.text)
  assert.equal((await send(await proofOf(machine, await newRequest()))).body.code, 'key_killed')
})

// Each knock is judged under locks, and a banned machine keeps its key.
test('a banned machine that goes on knocking is told of once a minute', async () => {
  const machine = company.certify()
  const { reply } = await becomes(machine)
  await server.call(`POST /v1/nodes/${reply.node}/ban`, { token: admin, body: { reason: 'stolen' } })
  const knock = async () => {
    server.clock.advance(1)
    assert.equal((await send(await proofOf(machine, await newRequest()))).body.code, 'node_banned')
  }
  const told = async () => {
    const { items } = (await server.call('GET /v1/events?type=node.refused&tenant=acme', { token: admin })).body
    return items.filter(({ detail }: { detail: { name: string } }) => detail.name === reply.name).length
  }
  for (let n = 0; n < 5; n++) await knock()
  assert.equal(await told(), 1)
  server.clock.advance(60)
  await knock()
  assert.equal(await told(), 2)
})

// Whoever configures that has every agent become a node, and with that any other agent.
test('an agent is no machine, even where our own authority was named as that of machines', async t => {
  const roots: Certificate[] = []
  const confused = await openHttp({
    parts: parts => ({ ...parts, nodes: { ...parts.nodes, x509pop: { roots, tenant: null, groups: [] } } }),
  })
  t.after(() => confused.close())
  const { authorities } = confused.pipeline
  roots.push(...authorities.bundle().x509Authorities, authorities.agentsIssuer().certificate)
  await confused.agent({ tenant: 'acme', agent: 'a1' })
  const { cert } = await confused.certificate({ tenant: 'acme', agent: 'a1' })
  const body = { method: 'x509pop', certificates: cert }
  const { body: refusal } = await confused.call('POST /v1/nodes/challenge', { body })
  assert.equal(refusal.code, 'node_proof_invalid')
})

test('where no authority of machines is set, none becomes a node so', async t => {
  const plain = await openHttp()
  t.after(() => plain.close())
  const machine = company.certify()
  const body = { method: 'x509pop', certificates: machine.pem }
  assert.equal((await plain.call('POST /v1/nodes/challenge', { body })).body.code, 'node_method_unavailable')
  const { pem: csr } = await newRequest()
  const attempt = await plain.call('POST /v1/nodes/attest', { body: { ...body, challenge: 'x', signature: 'x', csr } })
  assert.ok(['node_method_unavailable', 'node_proof_invalid'].includes(attempt.body.code))
})

test('a tenant that nobody has created gets no node, least of all one of all tenants', async t => {
  const x509pop = { roots: [company.certificate], tenant: 'nobody', groups: [] }
  const other = await openHttp({ parts: parts => ({ ...parts, nodes: { ...parts.nodes, x509pop } }) })
  t.after(() => other.close())
  const machine = company.certify()
  const { body } = await other.call('POST /v1/nodes/challenge', {
    body: { method: 'x509pop', certificates: machine.pem },
  })
  const request = await newRequest()
  const signature = await machine.proof(body.nonce, request.der)
  const proof = { method: 'x509pop', challenge: body.challenge, certificates: machine.pem, signature, csr: request.pem }
  assert.equal((await other.call('POST /v1/nodes/attest', { body: proof })).body.code, 'tenant_unknown')
})
