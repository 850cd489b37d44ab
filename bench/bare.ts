import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodePem } from '@lanyard/protocol'
import { agentKey } from '../test/support/agent-key.ts'
import { drive } from './load/run.ts'
import { startOn } from './pinned.ts'
import type { Row } from './report.ts'

const SERVER = new URL('./bare-server.ts', import.meta.url).pathname
// About what certificate, chain and bundle take in a reply.
const REPLY_BYTES = 2700

/** Calls per second of a bare HTTPS server, with a body of the same size as a CSR's: alone, and with the work of issuing. */
export async function bareReply(seconds: number): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'lanyard-bare-'))
  const tls = selfSigned(folder)
  const rows: Row[] = []
  for (const type of ['RSA-2048', 'P-256'] as const) {
    const { csrPem } = await agentKey(type)
    const csr = decodePem(csrPem, { labels: ['CERTIFICATE REQUEST'] })[0]!.der
    for (const inFlight of [16, 64]) {
      const file = join(folder, `${type}-${inFlight}.db`)
      const name = `bare Node with the same crypto and inserts, ${type} CSR, ${inFlight} in flight`
      rows.push(await measure(name, { ...tls, bytes: REPLY_BYTES, work: { csr, file } }, csrPem, inFlight, seconds))
    }
  }
  const { csrPem } = await agentKey('RSA-2048')
  rows.unshift(await measure('bare HTTPS reply, 16 in flight', { ...tls, bytes: REPLY_BYTES }, csrPem, 16, seconds))
  rmSync(folder, { recursive: true })
  return rows
}

async function measure(
  name: string,
  start: { cert: string; [more: string]: unknown },
  csrPem: string,
  inFlight: number,
  seconds: number,
) {
  const server = startOn(0, SERVER, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' })
  server.send(start)
  const [{ port }] = (await once(server, 'message')) as [{ port: number }]
  const job = { kind: 'bare', url: `https://127.0.0.1:${port}`, rootPem: start.cert, inFlight, seconds } as const
  const outcome = await drive({ ...job, body: JSON.stringify({ csr: csrPem }) }, () => {})
  server.disconnect()
  return { name, per_sec: outcome.done / outcome.seconds, p50_ms: outcome.p50Ms, p99_ms: outcome.p99Ms }
}

function selfSigned(folder: string): { key: string; cert: string } {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...curve, '-keyout', key, '-out', cert, ...subject], {
    stdio: 'pipe',
  })
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}
