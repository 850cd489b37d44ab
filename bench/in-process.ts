// Runs in a process of its own, on the server's processor: what the bare operations cost, and the whole pipeline.
import { createHash, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { DatabaseSync } from 'node:sqlite'
import { agentTokenClaims, freshLineage } from '@lanyard/authority'
import { decodePem, parseCsr, signJwt, verifyCsr, verifyJwt } from '@lanyard/protocol'
import { nodeCrypto, nodeSigner } from '@lanyard/protocol/node'
import { openPipeline } from '@lanyard/server/testing'
import { codecRows } from './codec.ts'
import { keyPool } from './keys.ts'
import { rate } from './rate.ts'
import type { Row } from './report.ts'

const [part, secondsText] = process.argv.slice(2)
const seconds = Number(secondsText)
const brief = Math.min(seconds, 2)
const clock = { now: () => Date.now() }
const rows = part === 'operations' ? await operations() : await pipelines()
process.send?.(rows)
process.disconnect?.()

async function operations(): Promise<Row[]> {
  const signer = nodeSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
  const [rsa, ec] = await Promise.all([csrsOf('RSA-2048'), csrsOf('P-256')])
  const token = await tokenOf(signer)
  const tbs = new Uint8Array(500)
  const figures: [string, number][] = [
    ['verify an agent token (ES256)', await rate(() => token.verify(), brief)],
    ['read and verify a CSR, RSA-2048', await rate(() => verifyCsr(parseCsr(rsa[0]!), nodeCrypto), brief)],
    ['read and verify a CSR, P-256', await rate(() => verifyCsr(parseCsr(ec[0]!), nodeCrypto), brief)],
    ['sign with P-256', await rate(() => signer.sign(tbs, 'der'), brief)],
    ['durable insert, alone', durableInserts(1)],
    ['durable insert, in groups of 16', durableInserts(16)],
    ['durable insert, in groups of 64', durableInserts(64)],
  ]
  const bare = (csr: number) => 1 / [0, csr, 3, 6].reduce((sum, at) => sum + 1 / figures[at]![1], 0)
  figures.push(['the bare limit, RSA-2048 CSR: token, CSR, signature, durable insert', bare(1)])
  figures.push(['the bare limit, all P-256', bare(2)])
  return [
    ...figures.map(([name, per_sec]) => ({ name, per_sec, us_each: 1e6 / per_sec })),
    ...(await codecRows(rsa[0]!, ec[0]!)),
  ]
}

async function csrsOf(type: 'RSA-2048' | 'P-256'): Promise<Uint8Array[]> {
  const form = { labels: ['CERTIFICATE REQUEST'], maxBytes: 8192, maxBlocks: 1 }
  return (await keyPool(type, 8)).map(({ csrPem }) => decodePem(csrPem, form)[0]!.der)
}

async function tokenOf(signer: ReturnType<typeof nodeSigner>) {
  const at = Math.floor(Date.now() / 1000)
  const fresh = freshLineage({ bytes: length => crypto.getRandomValues(new Uint8Array(length)) })
  const lineage = {
    id: fresh.lineage,
    jti: fresh.jti,
    tenant: 'acme',
    agent: 'a',
    incarnation: 1,
    jkt: null,
    openedAt: at * 1000,
  }
  const claims = agentTokenClaims('example.test', lineage as never)
  const token = await signJwt({ typ: 'lanyard-agent+jwt', kid: 'k', claims }, signer)
  const keys = new Map([['k', { spki: signer.spki, algorithm: signer.algorithm }]])
  const expected = { typ: 'lanyard-agent+jwt', keys, issuer: claims.iss, audience: claims.aud, at, leeway: 0 }
  return { verify: () => verifyJwt(token, expected as never, nodeCrypto) }
}

/** Rows of a certificate's size, each group synced. */
function durableInserts(group: number): number {
  const folder = mkdtempSync(join(tmpdir(), 'lanyard-insert-'))
  const database = new DatabaseSync(join(folder, 'rows.db'))
  database.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE rows (id BLOB PRIMARY KEY, body BLOB)')
  const insert = database.prepare('INSERT INTO rows VALUES (?, ?)')
  const start = performance.now()
  let count = 0
  while (performance.now() - start < 1000) {
    database.exec('BEGIN IMMEDIATE')
    for (let i = 0; i < group; i++) insert.run(createHash('sha256').update(`${count++}`).digest(), new Uint8Array(160))
    database.exec('COMMIT')
  }
  const perSecond = (count * 1000) / (performance.now() - start)
  database.close()
  rmSync(folder, { recursive: true })
  return perSecond
}

async function pipelines(): Promise<Row[]> {
  const result: Row[] = []
  for (const type of ['RSA-2048', 'P-256'] as const) {
    for (const inFlight of [1, 16, 64]) result.push(await pipeline(type, inFlight))
  }
  return result
}

/** The pipeline as authentication hands over to it: everything but TLS, HTTP and the token's own signature. */
async function pipeline(type: 'RSA-2048' | 'P-256', inFlight: number): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'lanyard-pipeline-'))
  const { tenant, agent, bootstrap, issuing, close } = await openPipeline(clock, join(folder, 'lanyard.db'))
  await tenant('bench', { keyPolicy: 'modern' })
  await agent({ tenant: 'bench', agent: 'a' })
  const csrs = await csrsOf(type)
  const callers = await Promise.all(Array.from({ length: 20_000 }, () => bootstrap({ tenant: 'bench', agent: 'a' })))
  let next = 0
  const issueUntil = async (end: number) => {
    for (; performance.now() < end && next < callers.length; ) {
      const at = next++
      await issuing.issue({ caller: callers[at]!, csr: csrs[at % csrs.length]!, source: null, correlation: null })
    }
  }
  const run = async (ms: number) => {
    const [start, from] = [performance.now(), next]
    await Promise.all(Array.from({ length: inFlight }, () => issueUntil(start + ms)))
    return ((next - from) * 1000) / (performance.now() - start)
  }
  await run(500)
  const per_sec = await run(Math.min(seconds, 3) * 1000)
  await close()
  rmSync(folder, { recursive: true })
  return { name: `pipeline, ${type} CSR, P-256 CA, ${inFlight} in flight`, per_sec, us_each: 1e6 / per_sec }
}
