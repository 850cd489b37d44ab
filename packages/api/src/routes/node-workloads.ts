import { z } from 'zod'
import { route } from '../route.ts'
import { Csr, Text, Time } from '../shapes.ts'
import { CSR_REFUSALS } from './csr.ts'

/** What a node learns of an entry. */
export const NodeEntry = z.strictObject({
  id: z.string(),
  revision: z.int(),
  tenant: z.string(),
  agent: z.string(),
  spiffe_id: z.string(),
  selectors: z.array(z.string()),
  x509_ttl_sec: z.int().nullable(),
  jwt_ttl_sec: z.int().nullable(),
  hint: z.string().nullable(),
  federates_with: z.array(z.string()),
  expires_at: Time.nullable(),
  children: z.boolean(),
  replicas: z.int(),
  key_policy: z.enum(['rsa-only', 'modern']),
  /** The older of two entries with one hint keeps it. */
  created_at: Time,
})
export type NodeEntry = z.output<typeof NodeEntry>

/** One line of `GET /v1/node/changes`. */
export const NodeChange = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('entries'),
    /** Where to go on; opaque. */
    cursor: z.string(),
    /** True in the first line of a whole sync: what came before counts no more. */
    reset: z.boolean(),
    /** More lines of the same sync follow; act when it is false. */
    more: z.boolean(),
    entries: z.array(NodeEntry),
    removed: z.array(z.string()),
  }),
  z.strictObject({
    kind: z.literal('bundles'),
    trust_domain: z.string(),
    /** SPIFFE bundle of the own trust domain, text. */
    bundle: z.string(),
    federated: z.record(z.string(), z.string()),
  }),
  /** Each second, so that silence is noticed. Unix milliseconds. */
  z.strictObject({ kind: z.literal('beat'), at: z.int() }),
  /** The last line: why there are no more. `resync`: connect again, without a cursor. */
  z.strictObject({
    kind: z.literal('ended'),
    code: z.enum(['node_banned', 'node_unknown', 'resync']),
    reason: z.string(),
  }),
])
export type NodeChange = z.output<typeof NodeChange>

export const followNode = route({
  call: 'GET /v1/node/changes',
  summary: 'Follow the entries and bundles of a node, for as long as the connection lasts.',
  auth: { kind: 'identity', accepts: ['node-certificate'], permission: 'node.serve' },
  limit: { per: 'identity' },
  audit: { because: 'reads only' },
  query: z.strictObject({
    /** Of the last line; absent: everything comes first. */
    cursor: z.string().max(256).optional(),
  }),
  status: 200,
  media: 'application/jsonl',
  stream: true,
  errors: ['node_banned', 'node_unknown', 'query_invalid'],
})

const GATE = [
  'entry_unknown',
  'entry_expired',
  'node_not_parent',
  'node_banned',
  'node_unknown',
  'agent_quarantined',
  'agent_retired',
  'tenant_killed',
  'federation_required',
  'incarnation_dead',
  'lineage_forked',
  'lineage_ended',
  'instance_evicted',
  'store_unavailable',
] as const

// A node asks for all its workloads, paced by `renew_after`, and keeps what it gets. One that was taken over shall not
// fill the record with lineages and tokens, which a ban has to walk through.
const FOR_ALL = { per: 'identity', times: 5 } as const

export const issueWorkloadCert = route({
  call: 'POST /v1/node/svids/x509',
  summary: 'Get an X.509-SVID for a workload of an entry: the first opens a lineage, each further one goes on in it.',
  auth: { kind: 'identity', accepts: ['node-certificate'], permission: 'node.serve' },
  limit: FOR_ALL,
  audit: ['cert.issued', 'cert.refused', 'agent.activated', 'lineage.opened', 'lineage.forked'],
  body: z.strictObject({
    entry: z.string().max(64),
    csr: Csr,
    /**
     * The certificate that this one follows; absent: the first, or the node has lost what it held. One lineage serves a
     * node and an entry.
     */
    renews: z.strictObject({ lineage: z.string().max(64), serial: z.string().max(64) }).optional(),
  }),
  status: 201,
  reply: z.strictObject({
    certificate: z.string(),
    chain: z.string(),
    bundle: z.string(),
    spiffe_id: z.string(),
    serial: z.string(),
    lineage: z.string(),
    incarnation: z.int(),
    not_before: Time,
    not_after: Time,
    validity_sec: z.int(),
    renew_after: Time,
  }),
  errors: [...CSR_REFUSALS, 'key_reused', 'key_killed', 'certificate_revoked', 'dns_name_forbidden', ...GATE],
})

export const issueJwtSvid = route({
  call: 'POST /v1/node/svids/jwt',
  summary: 'Get a JWT-SVID for a workload of an entry.',
  auth: { kind: 'identity', accepts: ['node-certificate'], permission: 'node.serve' },
  limit: FOR_ALL,
  audit: ['jwt.issued', 'cert.refused', 'agent.activated', 'lineage.opened'],
  body: z.strictObject({ entry: z.string().max(64), audience: z.array(Text.min(1).max(1024)).min(1).max(8) }),
  status: 201,
  reply: z.strictObject({ token: z.string(), spiffe_id: z.string(), issued_at: Time, expires_at: Time }),
  errors: ['audience_invalid', ...GATE],
})

export const issueWitSvid = route({
  call: 'POST /v1/node/svids/wit',
  summary: 'Get a WIT-SVID for a workload of an entry, bound to a key.',
  auth: { kind: 'identity', accepts: ['node-certificate'], permission: 'node.serve' },
  limit: FOR_ALL,
  audit: ['wit.issued', 'cert.refused', 'agent.activated', 'lineage.opened'],
  body: z.strictObject({
    entry: z.string().max(64),
    /** One PKCS#10 request in PEM: only its public key is used. */
    csr: Csr,
  }),
  status: 201,
  reply: z.strictObject({ token: z.string(), spiffe_id: z.string(), issued_at: Time, expires_at: Time }),
  errors: [...CSR_REFUSALS, 'key_killed', ...GATE],
})

export const reportSignals = route({
  call: 'POST /v1/node/signals',
  summary: 'Report processes that were refused an identity on this node.',
  auth: { kind: 'identity', accepts: ['node-certificate'], permission: 'node.serve' },
  // Each call may write fifty events; the daemon makes one in five seconds.
  limit: { per: 'identity', times: 0.03 },
  audit: ['workload.refused'],
  body: z.strictObject({
    signals: z
      .array(
        z.strictObject({
          code: z.enum(['workload_is_descendant', 'no_identity']),
          /** The entry whose selectors matched, if any. */
          entry: z.string().max(64).nullable(),
          at: Time,
          pid: z.int().min(0),
          uid: z.int().min(0),
          executable: Text.max(512).nullable(),
          /** How many like it since the last report. */
          count: z.int().min(1),
        }),
      )
      .min(1)
      .max(50),
  }),
  status: 204,
  errors: [],
})
