import type { KeyObject } from 'node:crypto'
import type { NodeCredential } from '@lanyard/api'
import { generateKeyNow } from '@lanyard/protocol/node'
import type { Answer, ClientTls } from './client.ts'
import { csrOf, type HttpHarness, pemOf } from './http.ts'

/** A certificate as a node holds it. */
export interface HeldNode extends ClientTls {
  readonly privateKey: KeyObject
  readonly reply: NodeCredential
}

export interface NodeWish {
  readonly name: string
  /** Null: it serves all. */
  readonly tenant?: string | null
  readonly groups?: readonly string[]
}

/** A join token for this node, made by an administrator. */
export async function joinToken(server: HttpHarness, { name, tenant = null, groups = [] }: NodeWish): Promise<string> {
  const token = await server.apiKey('admin')
  const body = { name, groups, ...(tenant === null ? {} : { tenant }) }
  return made(await server.call('POST /v1/nodes/join-tokens', { token, body })).token
}

/** A machine that became a node by a token of its own. */
export async function joinNode(server: HttpHarness, wish: NodeWish): Promise<HeldNode> {
  const key = generateKeyNow('P-256')
  const body = { method: 'join_token', token: await joinToken(server, wish), csr: await csrOf(key) }
  return heldNode(key, made(await server.call('POST /v1/nodes/attest', { body })))
}

/** The credential in a reply of the authority, with the key that it is for. */
export const heldNode = (key: KeyObject, reply: NodeCredential): HeldNode => ({
  cert: reply.certificate + reply.chain,
  key: pemOf(key),
  privateKey: key,
  reply,
})

function made({ status, body, text }: Answer) {
  if (status !== 201) throw new Error(`expected 201, got ${status}: ${text}`)
  return body
}
