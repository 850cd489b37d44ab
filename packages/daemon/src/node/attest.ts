import type { KeyObject } from 'node:crypto'
import type { NodeCredential as Reply } from '@lanyard/api'
import { buildCsr, decodeBase64Url, encodeBase64Url, encodePem, x509popMessage } from '@lanyard/protocol'
import { generateKey, nodeCrypto, nodeSigner } from '@lanyard/protocol/node'
import { NodeCredential } from './credential.ts'

/** By what a machine proves itself for the first time. */
export type NodeProof =
  | { readonly method: 'join_token'; readonly token: string }
  /** A certificate of the machine with its intermediates, PEM, and its key. */
  | { readonly method: 'x509pop'; readonly certificates: string; readonly key: KeyObject }

/** One call at the authority, which has proved itself; nothing proves who asks. */
export type AskAuthority = (method: 'POST', path: string, body: object) => Promise<unknown>

/**
 * Makes this machine a node, with a new key.
 *
 * @throws the codes of `POST /v1/nodes/attest`
 */
export async function attest(ask: AskAuthority, proof: NodeProof): Promise<NodeCredential> {
  const key = await generateKey('P-256')
  const csr = await buildCsr(nodeSigner(key))
  const pem = encodePem('CERTIFICATE REQUEST', csr)
  const body =
    proof.method === 'join_token'
      ? { method: proof.method, token: proof.token, csr: pem }
      : { ...(await possession(ask, proof, csr)), csr: pem }
  return NodeCredential.of((await ask('POST', '/v1/nodes/attest', body)) as Reply, key)
}

/** Shows that the key of the machine is here; the request is bound to it, so that nobody in between can put in another key. */
async function possession(ask: AskAuthority, proof: NodeProof & { readonly method: 'x509pop' }, csr: Uint8Array) {
  const { method, certificates, key } = proof
  const reply = await ask('POST', '/v1/nodes/challenge', { method, certificates })
  const { challenge, nonce } = reply as { readonly challenge: string; readonly nonce: string }
  const signed = x509popMessage(decodeBase64Url(nonce), csr, nodeCrypto)
  const signature = encodeBase64Url(await nodeSigner(key).sign(signed, 'der'))
  return { method, challenge, certificates, signature }
}
