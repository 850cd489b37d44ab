import { createHmac } from 'node:crypto'
import { type Body, type Handlers, LanyardError, type NodeCredential as Reply, type Routes } from '@lanyard/api'
import { Attesting, type Caller, isoTime, type NodeCredential, type NodeProof } from '@lanyard/authority'
import { decodeBase64Url, ProtocolError } from '@lanyard/protocol'
import type { HandlerPorts } from '../http/ports.ts'
import { byNode } from './call.ts'
import { readCsr } from './csr.ts'

type Mine = 'challengeNode' | 'attestNode' | 'renewNode'

/** How machines become nodes and stay so. */
export function attestingHandlers(ports: HandlerPorts): Pick<Handlers<Routes, Caller>, Mine> {
  const { authorities, nodes: settings, challengeSecret } = ports
  const attesting = new Attesting({
    ...ports,
    settings,
    trustDomain: authorities.bundle().trustDomain,
    issuer: () => authorities.agentsIssuer(),
    roots: () => authorities.bundle().x509Authorities,
    seal: text => createHmac('sha256', challengeSecret).update(text).digest(),
  })
  return {
    challengeNode: ({ body }) => attesting.challenge(body.certificates),

    async attestNode({ body, source, requestId: correlation }) {
      return showCredential(await attesting.attest(proofOf(body), readCsr(body.csr), { source, correlation }))
    },

    async renewNode(call) {
      const { caller, source, requestId: correlation } = byNode(call)
      return showCredential(await attesting.renew(caller, { source, correlation }))
    },
  }
}

function proofOf(body: Body<Routes['attestNode']>): NodeProof {
  if (body.method === 'join_token') return { method: body.method, token: body.token }
  const { method, challenge, certificates } = body
  return { method, challenge, certificates, signature: signatureOf(body.signature) }
}

function signatureOf(text: string): Uint8Array {
  try {
    return decodeBase64Url(text)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    throw new LanyardError('node_proof_invalid', `signature: ${error.code}: ${error.message}`)
  }
}

const showCredential = (credential: NodeCredential): Reply => ({
  node: credential.node.node,
  name: credential.node.name,
  spiffe_id: credential.node.spiffeId,
  tenant: credential.node.tenant,
  groups: [...credential.node.groups],
  certificate: credential.pem,
  chain: credential.chainPem,
  bundle: credential.bundlePem,
  not_before: isoTime(credential.notBefore * 1000),
  not_after: isoTime(credential.notAfter * 1000),
  // Finer than the others: it spreads a fleet that began together.
  renew_after: isoTime(credential.renewAfter, 'milliseconds'),
})
