import {
  banNode,
  type CertificateState,
  exclusive,
  type NodeCaller,
  type NodeState,
  type ServedEntry,
  shared,
  validity,
} from '@lanyard/authority'
import { findWorkload } from '../../packages/authority/src/workloads/find.ts'
import { Act } from './act.ts'
import { agentState, granted, hexOf, KEY, OPERATOR, type Program, record, run, type Site, write } from './programs.ts'

export const NODE: NodeState = {
  ...{ node: hexOf(9), name: 'n1', tenant: 'acme', groups: [], spiffeId: 'spiffe://example.org/lanyard/node/acme/n1' },
  ...{ method: 'join_token', joinedBy: null, keyThumbprint: 'key-of-node', serial: hexOf(9), notAfter: 9_999_999_999 },
  ...{ attestedAt: 0, renewedAt: 0, bannedAt: null, banReason: null },
}

const CALLER: NodeCaller = {
  ...{ kind: 'node-certificate', permissions: new Set(), node: NODE.node, name: NODE.name, tenant: NODE.tenant },
  ...{ groups: [], spiffeId: NODE.spiffeId, keyThumbprint: NODE.keyThumbprint, spki: KEY.der },
  expiresAt: Number.MAX_SAFE_INTEGER,
}

export const entryState = (key: { readonly tenant: string; readonly agent: string }): ServedEntry => ({
  ...{ ...key, id: hexOf(8), spiffeId: agentState(key).spiffeId, selectors: [], parent: null, x509TtlSec: null },
  ...{ jwtTtlSec: null, dnsNames: [], hint: null, federatesWith: [], expiresAt: null, children: false, replicas: 1 },
  ...{ revision: 1, createdAt: 0, updatedAt: 0, keyPolicy: 'modern' },
})

/** What the node asks for a workload; the certificate that it follows is `follows`. Undefined where it was refused. */
export function* issueForWorkload(
  site: Site,
  name: string,
  { number, follows = null }: { readonly number: number; readonly follows?: CertificateState | null },
): Program<CertificateState | undefined> {
  const fresh = { id: hexOf(500 + number), maxLineageSec: 2_592_000 }
  const sought = { node: CALLER, entry: hexOf(8), follows, fresh, at: site.now() }
  const find = () => findWorkload(site.rows, sought)
  const found = yield* run(new Act(site.database, `${name} looks`, null, find))
  if (found === undefined) return undefined
  const { subject, caller, opens } = found
  const keyThumbprint = `workload-key-${number}`
  const grant = granted({ subject, caller, opens, key: KEY, keyThumbprint, dnsNames: [], at: site.now() })
  if (grant === null) return undefined
  const serial = hexOf(600 + number)
  const signed = { grant, issuerKeyId: 'one', serial, ...validity(grant.at, grant.ttlSec) }
  const act = { caller, at: site.now(), source: null, correlation: null }
  const step = () => record(site)(site.rows, signed, act)
  const refused = yield* write(site, `${name} records`, shared(caller.tenant), step)
  return refused === null ? (site.database.committed(`certificates/${serial}`) as CertificateState) : undefined
}

/** The end of the node. */
export function* ban(site: Site, name: string): Program<unknown> {
  const act = { caller: OPERATOR, at: site.now(), source: null, correlation: null }
  return yield* write(site, name, exclusive('acme'), () => banNode(site.rows, NODE.node, 'stolen', act))
}
