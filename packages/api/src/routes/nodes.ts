import { z } from 'zod'
import { MANAGERS, route } from '../route.ts'
import { Csr, listOf, Name, page, Reason, Time } from '../shapes.ts'
import { CSR_REFUSALS } from './csr.ts'

const NODE_METHODS = ['join_token', 'x509pop'] as const
export type NodeMethod = (typeof NODE_METHODS)[number]

const Groups = z.array(Name).max(32)

const Node = z.strictObject({
  /** Random; a node that was removed and attests again gets another one. */
  node: z.string(),
  name: z.string(),
  spiffe_id: z.string(),
  /** Null: it may serve every tenant. */
  tenant: z.string().nullable(),
  groups: z.array(z.string()),
  method: z.enum(NODE_METHODS),
  key_thumbprint: z.string(),
  state: z.enum(['attested', 'ended', 'banned']),
  attested_at: Time,
  renewed_at: Time,
  /** End of its certificate; it may renew for `node.grace_sec` more. */
  not_after: Time,
  banned_at: Time.nullable(),
  ban_reason: z.string().nullable(),
})
export type Node = z.output<typeof Node>

const Credential = z.strictObject({
  node: z.string(),
  name: z.string(),
  spiffe_id: z.string(),
  tenant: z.string().nullable(),
  groups: z.array(z.string()),
  certificate: z.string(),
  chain: z.string(),
  bundle: z.string(),
  not_before: Time,
  not_after: Time,
  renew_after: Time,
})
export type NodeCredential = z.output<typeof Credential>

export const createJoinToken = route({
  call: 'POST /v1/nodes/join-tokens',
  summary: 'Make a token with which one machine becomes a node, once. It is shown this once.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'node.manage' },
  limit: { per: 'identity' },
  audit: ['jointoken.created'],
  body: z.strictObject({
    name: Name,
    /** The only tenant that the node serves; a caller of one tenant makes nodes of that one. */
    tenant: Name.optional(),
    groups: Groups.default([]),
    /** Ten minutes where none is given. */
    ttl_sec: z.int().min(10).max(86_400).optional(),
  }),
  status: 201,
  reply: z.strictObject({ token: z.string(), name: z.string(), tenant: z.string().nullable(), expires_at: Time }),
  errors: ['name_invalid', 'tenant_unknown', 'tenant_mismatch', 'agent_not_covered', 'role_too_wide', 'node_exists'],
})

export const challengeNode = route({
  call: 'POST /v1/nodes/challenge',
  summary: 'Begin to attest with a certificate of the machine: gives what its key must sign.',
  auth: { kind: 'public', because: 'a machine proves itself here for the first time' },
  limit: { per: 'none', because: 'nothing is kept; what strangers cost is limited by connection' },
  audit: { because: 'nothing is granted yet' },
  body: z.strictObject({
    method: z.literal('x509pop'),
    /** Leaf first, PEM. */
    certificates: z.string().max(16_384),
  }),
  status: 200,
  reply: z.strictObject({
    /** Sealed and short-lived; comes back with the proof. */
    challenge: z.string(),
    /** Base64url of 32 bytes. */
    nonce: z.string(),
  }),
  errors: ['node_method_unavailable', 'node_proof_invalid'],
})

export const attestNode = route({
  call: 'POST /v1/nodes/attest',
  summary: 'Become a node: by a join token, or by the key of a machine certificate.',
  auth: { kind: 'public', because: 'a machine proves itself here for the first time' },
  limit: { per: 'none', because: 'what strangers cost is limited by connection, and proofs by machine' },
  audit: ['node.attested', 'node.refused'],
  body: z.discriminatedUnion('method', [
    z.strictObject({ method: z.literal('join_token'), token: z.string().max(256), csr: Csr }),
    z.strictObject({
      method: z.literal('x509pop'),
      challenge: z.string().max(4096),
      certificates: z.string().max(16_384),
      /**
       * Base64url: signature by the key of the machine certificate, see authority/nodes/x509pop.ts for what is signed.
       */
      signature: z.string().max(2048),
      csr: Csr,
    }),
  ]),
  status: 201,
  reply: Credential,
  errors: [
    ...CSR_REFUSALS,
    'node_method_unavailable',
    'node_proof_invalid',
    'node_banned',
    'node_exists',
    'tenant_unknown',
    'key_killed',
    'rate_limited',
    'store_unavailable',
  ],
})

export const renewNode = route({
  call: 'POST /v1/node/renew',
  summary: 'Renew the certificate of a node with the key that it attested with, also a while after its end.',
  auth: { kind: 'identity', accepts: ['node-certificate'], permission: 'node.serve' },
  // Each leaves an event, and once in half an hour is enough.
  limit: { per: 'identity', times: 0.06 },
  audit: ['node.renewed'],
  status: 201,
  reply: Credential,
  errors: ['node_banned', 'node_unknown', 'certificate_expired', 'not_ready'],
})

export const listNodes = route({
  call: 'GET /v1/nodes',
  summary: 'List nodes.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'node.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  query: z.strictObject({ ...page, tenant: Name.optional(), name: Name.optional() }),
  status: 200,
  reply: listOf(Node),
  errors: ['name_invalid', 'tenant_mismatch', 'tenant_unknown', 'cursor_invalid'],
})

export const getNode = route({
  call: 'GET /v1/nodes/{node}',
  summary: 'Show one node.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'node.read' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  status: 200,
  reply: Node,
  errors: ['not_found'],
})

export const updateNode = route({
  call: 'PATCH /v1/nodes/{node}',
  summary: 'Put a node in other groups.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'node.manage' },
  limit: { per: 'identity' },
  audit: ['node.updated'],
  body: z.strictObject({ groups: Groups }),
  status: 200,
  reply: Node,
  errors: ['not_found', 'name_invalid', 'agent_not_covered', 'role_too_wide'],
})

export const banNode = route({
  call: 'POST /v1/nodes/{node}/ban',
  summary: 'Cut a node off at once, with all identities that it got for its workloads; it may not come back.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'node.manage' },
  limit: { per: 'identity' },
  audit: ['node.banned', 'cert.revoked'],
  body: z.strictObject({ reason: Reason }),
  status: 200,
  reply: Node,
  errors: ['not_found'],
})

export const unbanNode = route({
  call: 'POST /v1/nodes/{node}/unban',
  summary: 'Lift a ban; the node must attest again.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'node.manage' },
  limit: { per: 'identity' },
  audit: ['node.unbanned'],
  status: 200,
  reply: Node,
  errors: ['not_found', 'lifecycle_forbidden'],
})

export const removeNode = route({
  call: 'DELETE /v1/nodes/{node}',
  summary: 'Remove a node, with all identities that it got for its workloads; it may attest again.',
  auth: { kind: 'identity', accepts: MANAGERS, permission: 'node.manage' },
  limit: { per: 'identity' },
  audit: ['node.evicted', 'cert.revoked'],
  status: 204,
  errors: ['not_found', 'node_banned'],
})
