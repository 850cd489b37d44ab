import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { agentKey } from '../test/support/agent-key.ts'
import { drive } from './load/run.ts'
import { startOn } from './pinned.ts'
import type { Row } from './report.ts'

const SERVER = new URL('./bare-server.ts', import.meta.url).pathname
// About what certificate, chain and bundle take in a reply.
const REPLY_BYTES = 2700

/** Calls per second of a bare HTTPS server, with a body of the same size as a CSR's. */
export async function bareReply(seconds: number): Promise<Row[]> {
  const tls = selfSigned()
  const body = JSON.stringify({ csr: (await agentKey('RSA-2048')).csrPem })
  const rows: Row[] = []
  for (const inFlight of [16, 64]) {
    const server = startOn(0, SERVER, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    server.send({ ...tls, bytes: REPLY_BYTES })
    const [{ port }] = (await once(server, 'message')) as [{ port: number }]
    const url = `https://127.0.0.1:${port}`
    const {
      done,
      seconds: took,
      p50Ms,
      p99Ms,
    } = await drive({ kind: 'bare', url, rootPem: tls.cert, inFlight, body, seconds }, () => {})
    server.disconnect()
    rows.push({ name: `bare HTTPS reply, ${inFlight} in flight`, per_sec: done / took, p50_ms: p50Ms, p99_ms: p99Ms })
  }
  return rows
}

function selfSigned(): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'lanyard-bare-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...curve, '-keyout', key, '-out', cert, ...subject], {
    stdio: 'pipe',
  })
  const pems = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  rmSync(folder, { recursive: true })
  return pems
}
