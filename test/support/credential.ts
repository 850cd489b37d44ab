import { createSecureContext, type SecureContext } from 'node:tls'
import { Client } from 'undici'
import { agentKey } from './agent-key.ts'

/** A certificate as a program holds it that does not use the SDK. PEM. */
export interface Credential {
  readonly key: string
  readonly cert: string
}

/** Where certificates come from. */
export interface Source {
  readonly url: string
  readonly rootPem: string
}

const AT_ONCE = 8

/** Exchanges tokens for certificates, each with a key of its own. @throws Error on any refusal */
export async function credentialsFor(source: Source, tokens: readonly string[]): Promise<Credential[]> {
  const held: Credential[] = []
  let next = 0
  const helper = async () => {
    const client = new Client(source.url, { allowH2: false, connect: { ca: source.rootPem } })
    for (let at = next++; at < tokens.length; at = next++) held[at] = await exchange(client, tokens[at]!)
    await client.close()
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, tokens.length) }, helper))
  return held
}

async function exchange(client: Client, token: string): Promise<Credential> {
  const { key, csrPem } = await agentKey('P-256')
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ csr: csrPem })
  const reply = await client.request({ method: 'POST', path: '/v1/agent/auth/cert', headers, body })
  const text = await reply.body.text()
  if (reply.statusCode >= 300) throw new Error(`the certificate was refused: ${text}`)
  const { certificate, chain } = JSON.parse(text) as { certificate: string; chain: string }
  return { key: key.export({ type: 'pkcs8', format: 'pem' }) as string, cert: certificate + chain }
}

export const contextOf = ({ key, cert }: Credential, rootPem: string): SecureContext =>
  createSecureContext({ key, cert, ca: rootPem, minVersion: 'TLSv1.3' })
