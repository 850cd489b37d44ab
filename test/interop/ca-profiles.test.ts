import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { before, describe, test } from 'node:test'
import {
  type AllowedNames,
  certify,
  createAgentsIntermediate,
  createRoot,
  createServerCertificate,
  createServiceIntermediate,
  createSigningCertificate,
  type Issuer,
} from '@lanyard/authority'
import {
  basicConstraints,
  type Certificate,
  EMPTY_NAME,
  encodeName,
  extendedKeyUsage,
  type GeneralNamesInput,
  keyUsage,
  lanyardIdentity,
  parseIpAddress,
  type ReferenceName,
  subjectAltName,
  TrustDomain,
  verifyChain,
} from '@lanyard/protocol'
import { generateKey, generateKeyNow, nodeCrypto, nodeSigner } from '@lanyard/protocol/node'
import { askGo, askJava, askNode, askOpenssl, askPython, isThere, pathLine, type Question } from './opinions.ts'

const ports = { crypto: nodeCrypto, dice: { bytes: (length: number) => new Uint8Array(randomBytes(length)) } }
const trustDomain = TrustDomain.parse('example.org')
const at = Date.now()
const second = Math.floor(at / 1000)
const instance = '6f1f3a52-0000-4000-8000-5d0c7f6f8a11'
const ip = (text: string) => parseIpAddress(text)!
const serverNames: AllowedNames = { dns: ['localhost', 'ca.example.org'], ips: [ip('127.0.0.1'), ip('::1')] }

/** Who may accept; all others refuse. */
const ALL = ['ours', 'openssl', 'node', 'go', 'java', 'python'] as const
type Judge = (typeof ALL)[number]

interface Case extends Question {
  readonly title: string
  readonly key: string
  readonly accepted: readonly Judge[]
}

const leafKey = generateKeyNow('P-256')
const key = leafKey.export({ type: 'pkcs8', format: 'pem' }) as string
const { spki } = nodeSigner(leafKey)

/** What a thief of an intermediate's key could sign: any names, as agents' leaves are. */
const forge = (issuer: Issuer, san: GeneralNamesInput, other: { subject?: Uint8Array; ca?: boolean } = {}) =>
  certify(
    {
      subject: other.subject ?? EMPTY_NAME,
      spki,
      notBefore: second - 10,
      notAfter: second + 299,
      extensions: [
        basicConstraints({ ca: other.ca ?? false }),
        keyUsage(other.ca ? ['keyCertSign'] : ['digitalSignature']),
        extendedKeyUsage(['serverAuth', 'clientAuth']),
        subjectAltName(san, other.subject === undefined),
        lanyardIdentity({ incarnation: 1, lineage: new Uint8Array(16) }),
      ],
    },
    issuer,
    ports,
  )

async function authorities(type: 'P-256' | 'P-384' | 'RSA', dnsSuffixes: readonly string[]) {
  const make = async () => nodeSigner(await generateKey(type))
  const [rootSigner, agentsSigner, serviceSigner] = await Promise.all([make(), make(), make()])
  const root = { certificate: await createRoot({ trustDomain, signer: rootSigner, at }, ports), signer: rootSigner }
  const agents = await createAgentsIntermediate({ trustDomain, spki: agentsSigner.spki, at, dnsSuffixes }, root, ports)
  const names = serverNames
  const service = await createServiceIntermediate({ trustDomain, spki: serviceSigner.spki, at, names }, root, ports)
  return {
    root,
    agents: { certificate: agents, signer: agentsSigner },
    service: { certificate: service, signer: serviceSigner },
  }
}

const uri = ['spiffe://example.org/tenant/acme/agent/a']
const cases: Case[] = []

function add(title: string, question: Omit<Question, 'at'>, accepted: readonly Judge[], leafKeyPem = key): void {
  cases.push({ at: second, ...question, title, accepted, key: leafKeyPem })
}

const none: readonly Judge[] = []

async function addAgents(): Promise<void> {
  const { root, agents } = await authorities('P-256', [])
  const suffixed = await authorities('P-256', ['agents.example.com'])
  const under = (leaf: Certificate, by = { root, agents }) => ({
    leaf,
    intermediates: [by.agents.certificate],
    roots: [by.root.certificate],
  })
  const good = under(await forge(agents, { uri }))
  add('an agent as a server', { ...good, purpose: 'server' }, ALL)
  add('an agent as a client', { ...good, purpose: 'client' }, ALL)
  add('an agent for localhost', { ...good, purpose: 'server', name: 'localhost' }, none)
  const forged: [string, GeneralNamesInput, readonly Judge[]][] = [
    ['another trust domain', { uri: ['spiffe://evil.example/tenant/acme/agent/a'] }, none],
    ['a trust domain that ends alike', { uri: ['spiffe://evilexample.org/tenant/acme/agent/a'] }, none],
    // RFC 5280, 4.2.1.10: a host without a leading dot is that host alone. Go takes what is below it too.
    ['a trust domain below ours', { uri: ['spiffe://sub.example.org/tenant/acme/agent/a'] }, ['go']],
    ['a DNS name beside the ID', { uri, dns: ['localhost'] }, none],
    ['another DNS name beside the ID', { uri, dns: ['a.example.org'] }, none],
    // What is permitted in place of none: a name that no resolver answers for (RFC 6761, 6.4).
    ['a DNS name under .invalid', { uri, dns: ['a.invalid'] }, ALL],
    ['an IPv4 address beside the ID', { uri, ip: [ip('127.0.0.1')] }, none],
    ['an IPv6 address beside the ID', { uri, ip: [ip('::1')] }, none],
    ['an e-mail address beside the ID', { uri, email: ['a@example.org'] }, none],
  ]
  for (const [title, san, accepted] of forged) {
    const leaf = await forge(agents, san)
    for (const purpose of ['server', 'client'] as const)
      add(`${title}, as a ${purpose}`, { ...under(leaf), purpose }, accepted)
  }
  const suffix = (dns: string) => forge(suffixed.agents, { uri, dns: [dns] })
  const inside = under(await suffix('a.agents.example.com'), suffixed)
  add('a DNS name under a configured suffix', { ...inside, purpose: 'server', name: 'a.agents.example.com' }, ALL)
  const outside = under(await suffix('a.notagents.example.com'), suffixed)
  add('a DNS name outside of the configured suffixes', { ...outside, purpose: 'server' }, none)
  await addCommonNames(agents, root)
  await addDeeper(agents, root)
}

// A client that finds no DNS name in the SAN may look into the subject. Constraints reach it only where a verifier takes
// the common name for a DNS name: OpenSSL, and with it Node and Python, when there is a dot in it, Java always.
async function addCommonNames(agents: Issuer, root: Issuer): Promise<void> {
  for (const [name, accepted] of [
    ['ca.example.org', none],
    ['localhost', ['openssl', 'node', 'python']],
  ] as const) {
    const leaf = await forge(agents, { uri }, { subject: encodeName([['CN', name]]) })
    const path = { leaf, intermediates: [agents.certificate], roots: [root.certificate] }
    add(`${name} as common name, for that name`, { ...path, purpose: 'server', name }, accepted)
  }
}

async function addDeeper(agents: Issuer, root: Issuer): Promise<void> {
  const subject = encodeName([['CN', 'deeper']])
  const deeper = {
    certificate: await forge(agents, { uri: ['spiffe://example.org'] }, { subject, ca: true }),
    signer: nodeSigner(leafKey),
  }
  const leaf = await forge(deeper, { uri })
  const intermediates = [deeper.certificate, agents.certificate]
  add(
    'an authority below the intermediate',
    { leaf, intermediates, roots: [root.certificate], purpose: 'server' },
    none,
  )
}

async function addServers(): Promise<void> {
  for (const type of ['P-256', 'P-384', 'RSA'] as const) {
    const { root, service, agents } = await authorities(type, [])
    const leaf = await createServerCertificate(
      { trustDomain, instance, spki, at, names: serverNames },
      service,
      root.certificate,
      ports,
    )
    const server = { leaf, intermediates: [service.certificate], roots: [root.certificate], purpose: 'server' as const }
    for (const name of ['localhost', 'ca.example.org', '127.0.0.1', '::1'])
      add(`the server under ${type} for ${name}`, { ...server, name }, ALL)
    for (const name of ['example.org', 'evil.example', '127.0.0.2', '::2'])
      add(`the server under ${type} for ${name}`, { ...server, name }, none)
    add(
      `an agent under ${type}`,
      { ...server, leaf: await forge(agents, { uri }), intermediates: [agents.certificate] },
      ALL,
    )
    if (type === 'P-256') await addForgedServers(service, root)
  }
}

async function addForgedServers(service: Issuer, root: Issuer): Promise<void> {
  const forged: [string, GeneralNamesInput][] = [
    ['another DNS name', { uri, dns: ['evil.example'] }],
    ['another IPv4 address', { uri, ip: [ip('10.0.0.1')] }],
    ['another IPv6 address', { uri, ip: [ip('fe80::1')] }],
    ['an e-mail address', { uri, email: ['a@example.org'] }],
    ['another trust domain', { uri: ['spiffe://evil.example/a'] }],
  ]
  for (const [title, san] of forged) {
    const leaf = await forge(service, san)
    const path = { leaf, intermediates: [service.certificate], roots: [root.certificate] }
    add(`${title} under the service intermediate`, { ...path, purpose: 'server' }, none)
  }
  for (const signs of ['events', 'feed', 'receipt'] as const) {
    const leaf = await createSigningCertificate(signs, { trustDomain, instance, spki, at }, root, ports)
    for (const purpose of ['server', 'client'] as const)
      add(
        `the key for ${signs} as a TLS ${purpose}`,
        { leaf, intermediates: [], roots: [root.certificate], purpose },
        none,
      )
  }
}

function askOurs({ leaf, intermediates, roots, purpose, name, at }: Question): string {
  const reference: ReferenceName | undefined = name === undefined ? undefined : referenceOf(name)
  try {
    verifyChain(
      {
        leaf,
        intermediates,
        roots,
        at,
        purpose: purpose === 'server' ? 'serverAuth' : 'clientAuth',
        ...(reference ? { name: reference } : {}),
      },
      nodeCrypto,
    )
    return 'ok'
  } catch (error) {
    return `refused ${(error as { code?: string }).code ?? error}`
  }
}

const referenceOf = (name: string): ReferenceName => {
  const octets = parseIpAddress(name)
  return octets === null ? { dns: name } : { ip: octets }
}

/** The title and the reason, for each case that was judged otherwise than expected. */
const differences = (judge: Judge, asked: readonly Case[], answers: readonly string[]): string[] =>
  asked.flatMap(({ title, accepted }, index) =>
    (answers[index] === 'ok') === accepted.includes(judge) ? [] : [`${title}: ${answers[index]}`],
  )

describe('the profiles of the authority, as others judge them', () => {
  before(async () => {
    await addAgents()
    await addServers()
  })

  test('by our own chain validation', () => {
    assert.deepEqual(differences('ours', cases, cases.map(askOurs)), [])
  })

  test('by the openssl program in strict mode', { skip: !isThere('openssl', 'version') }, () => {
    assert.deepEqual(differences('openssl', cases, cases.map(askOpenssl)), [])
  })

  test("by Node's TLS", async () => {
    const answers: string[] = []
    for (const asked of cases) answers.push(await askNode(asked, asked.key))
    assert.deepEqual(differences('node', cases, answers), [])
  })

  test("by Go's crypto/x509", { skip: !isThere('go', 'version') }, async () => {
    assert.deepEqual(differences('go', cases, await askGo(cases.map(asked => pathLine(asked, true)))), [])
  })

  test("by Java's CertPathValidator", { skip: !isThere('java', '-version') }, async () => {
    const unnamed = cases.filter(({ name }) => name === undefined)
    assert.deepEqual(differences('java', unnamed, await askJava(unnamed.map(asked => pathLine(asked, false)))), [])
  })

  test("by Python's ssl", { skip: !isThere('python3', '--version') }, async () => {
    const lines = cases.map(asked => `${pathLine(asked, true)}\t${Buffer.from(asked.key).toString('base64')}`)
    assert.deepEqual(differences('python', cases, await askPython(lines)), [])
  })
})
