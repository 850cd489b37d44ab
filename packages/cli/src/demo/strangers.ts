import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { connect } from 'node:tls'
import { buildCsr, encodePem } from '@lanyard/protocol'
import { nodeSigner } from '@lanyard/protocol/node'
import type { Svid } from '@lanyard/sdk'
import { agentFor, exchange } from '../client/exchange.ts'
import { BrokenPromise, holds } from './teller.ts'

/** Runs what must be refused, and gives the code that it was refused with. */
export async function refusal(attempt: () => Promise<unknown>): Promise<string> {
  try {
    await attempt()
  } catch (error) {
    const { code, problem } = error as { code?: string; problem?: { code: string } }
    return code ?? problem?.code ?? String(error)
  }
  throw new BrokenPromise('this should have been refused, and was accepted')
}

/**
 * Calls a service without a client certificate, and gives the TLS alert that ended it. Under TLS 1.3 a completed
 * handshake is not acceptance yet, so it asks for something and waits for the first answer.
 */
export function callWithoutCertificate(url: string, ca: string): Promise<string> {
  const { hostname: host, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), ca, checkServerIdentity: () => undefined })
    socket.write('GET / HTTP/1.1\r\nhost: demo\r\n\r\n')
    socket.once('data', () => reject(new BrokenPromise('a client without a certificate was answered')))
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    socket.once('end', () => reject(new BrokenPromise('the connection ended without an alert')))
  })
}

/** Calls a service with a copied certificate, by a TLS that knows no feed; says how that ended. */
export function callAsCopy(url: string, { certificate, key }: Copy): Promise<{ refused: boolean; saw: string }> {
  const { hostname: host, port } = new URL(url)
  return new Promise(resolve => {
    const ended = (saw: string) => resolve({ refused: true, saw })
    // Whom it calls is no matter here; whether it is let in is.
    const socket = connect({ host, port: Number(port), cert: certificate, key, rejectUnauthorized: false })
    socket.write('GET / HTTP/1.1\r\nhost: demo\r\nconnection: close\r\n\r\n')
    let text = ''
    socket.on('data', data => {
      text += data
    })
    socket.once('error', (error: NodeJS.ErrnoException) => ended(error.code ?? error.message))
    socket.once('end', () => {
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1])
      const code = /"code":"(\w+)"/.exec(text)?.[1] ?? ''
      if (text === '') ended('connection ended')
      else resolve({ refused: status === 403 && code === 'peer_dead', saw: `${status} ${code}`.trim() })
    })
  })
}

/**
 * What a thief does who copied certificate and key: renews, with a key of its own. Gives the copy's new certificate as
 * the thief would use it; throws the refusal's code as an error.
 */
export async function renewCopy(url: string, ca: string, copy: Copy): Promise<Copy> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const csr = encodePem('CERTIFICATE REQUEST', await buildCsr(nodeSigner(privateKey)))
  const agent = agentFor({ ca, certificate: copy.certificate, key: copy.key })
  const reply = await exchange(agent, {
    method: 'POST',
    url: new URL('/v1/agent/auth/cert', url),
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ csr }),
  })
  agent.destroy()
  const body = JSON.parse(reply.body) as { certificate: string; chain: string; code?: string; detail?: string }
  if (reply.status !== 201) throw Object.assign(new Error(body.detail), { code: body.code })
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  return { certificate: body.certificate + body.chain, key }
}

/** Certificate, chain and key in PEM. */
export interface Copy {
  readonly certificate: string
  readonly key: string
}

/** Reads an agent's certificate and key out of its memory, as a tool that it started could. */
export function copyOf(svid: Svid): Copy {
  const key = svid.privateKeyPem()
  holds(createPrivateKey(key).type === 'private', 'expected a private key')
  return { certificate: svid.certificate + svid.chain, key }
}
