import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Certificate, decodePem, parsePublicKey } from '@lanyard/protocol'
import { openPipeline, type Pipeline } from '../../packages/server/src/testing/pipeline.ts'
import { type AgentKeyType, agentKey } from '../support/agent-key.ts'
import { askGo, askJava, askNode, askOpenssl, isThere, pathLine, type Question } from './opinions.ts'

const read = (pem: string) => decodePem(pem, { labels: ['CERTIFICATE'] }).map(({ der }) => Certificate.fromDer(der))

describe('certificates as agents get them, judged by others', () => {
  let pipeline: Pipeline
  const asked: { question: Question; key: string }[] = []

  /** A certificate by the whole pipeline, with its chain and bundle as in the reply. */
  async function issue(type: AgentKeyType): Promise<void> {
    const { key, csrPem } = await agentKey(type)
    const caller = await pipeline.bootstrap({ tenant: 'acme', agent: 'a' })
    const [csr] = decodePem(csrPem, { labels: ['CERTIFICATE REQUEST'] })
    const issued = await pipeline.issuing.issue({ caller, csr: csr!.der, source: null, correlation: null })
    const leaf = Certificate.fromDer(issued.der)
    assert.equal(parsePublicKey(leaf.publicKey.der).type, type === 'P-256' ? 'P-256' : 'RSA')
    const path = { leaf, intermediates: read(issued.chainPem), roots: read(issued.bundlePem) }
    const at = Math.floor(pipeline.clock.now() / 1000)
    for (const purpose of ['server', 'client'] as const)
      asked.push({
        question: { ...path, purpose, at },
        key: key.export({ type: 'pkcs8', format: 'pem' }) as string,
      })
  }

  before(async () => {
    pipeline = await openPipeline({ now: () => Date.now() })
    await pipeline.tenant('acme', { keyPolicy: 'modern' })
    await pipeline.agent({ tenant: 'acme', agent: 'a' }, 'platinum')
    for (const type of ['RSA-2048', 'P-256'] as const) await issue(type)
  })
  after(() => pipeline.close())

  const questions = () => asked.map(({ question }) => question)
  const accepted = () => asked.map(() => 'ok')

  test('by the openssl program in strict mode', { skip: !isThere('openssl', 'version') }, () => {
    assert.deepEqual(questions().map(askOpenssl), accepted())
  })

  test("by Node's TLS", async () => {
    for (const { question, key } of asked) assert.equal(await askNode(question, key), 'ok')
  })

  test("by Go's crypto/x509", { skip: !isThere('go', 'version') }, async () => {
    const lines = questions().map(question => pathLine(question, true))
    assert.deepEqual(await askGo(lines), accepted())
  })

  test("by Java's CertPathValidator", { skip: !isThere('java', '-version') }, async () => {
    const lines = questions().map(question => pathLine(question, false))
    assert.deepEqual(await askJava(lines), accepted())
  })
})
