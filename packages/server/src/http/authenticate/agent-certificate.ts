import { LanyardError, permissionsOf } from '@lanyard/api'
import {
  type CertificateCaller,
  type CertificateState,
  concerning,
  isoTime,
  killedCredential,
  requireAlive,
  requireOpenLineage,
  type Step,
  type Subject,
} from '@lanyard/authority'
import type { HandlerPorts } from '../ports.ts'
import type { PeerChain } from './peer-chain.ts'
import { type Proof, Proofs } from './proof.ts'

const PERMISSIONS = permissionsOf('agent')

interface Found {
  readonly row: CertificateState | undefined
  readonly subject: Subject | undefined
  /** What kills the certificate beside its agent, tenant and lineage; null: nothing. */
  readonly killed: LanyardError | null
}

/** Callers by the certificate of their connection. */
export class AgentCertificates {
  readonly #ports: Pick<HandlerPorts, 'store' | 'rows' | 'clock'>
  readonly #proofs: Proofs

  constructor(ports: Pick<HandlerPorts, 'store' | 'rows' | 'clock' | 'crypto' | 'authorities'>) {
    this.#ports = ports
    this.#proofs = new Proofs(ports.crypto, () => ports.authorities.bundle())
  }

  /**
   * Who presented this chain. The identity is that of our record of the certificate, which must agree with what was
   * presented; revocation, the liveness gate and the end are asked at each call, since a connection outlives them all.
   * `mayHaveEnded`: the route judges the end itself. Throws `certificate_untrusted`, `certificate_expired`,
   * `certificate_revoked`, `key_killed`, `tenant_killed`, `agent_quarantined`, `agent_retired`, `incarnation_dead`, `lineage_forked`, `lineage_ended`.
   */
  async caller(chain: PeerChain, mayHaveEnded: boolean): Promise<CertificateCaller> {
    const { store, clock } = this.#ports
    const proof = this.#proofs.of(chain, clock.now())
    const found = await store.read(() => this.#find(proof))
    const at = clock.now()
    const row = requireRecord(found.row, proof, at)
    if (!found.subject) throw new LanyardError('lineage_ended', 'the lineage of this certificate is not known')
    const { subject } = found
    return concerning(subject.agent, () => {
      requireAlive(subject, row.incarnation)
      if (row.revokedAt !== null) throw new LanyardError('certificate_revoked', `certificate ${row.serial} is revoked`)
      requireOpenLineage(subject, at)
      if (found.killed !== null) throw found.killed
      if (!mayHaveEnded) requireNotEnded(proof, at)
      return callerOf(row, subject)
    })
  }

  *#find({ issuerKeyId, serial }: Proof): Step<Found> {
    const { rows } = this.#ports
    const row = yield* rows.certificates.find(issuerKeyId, serial)
    if (!row) return { row, subject: undefined, killed: null }
    const subject = yield* rows.lineages.subject(row.lineage)
    return { row, subject, killed: yield* killedCredential(rows, row) }
  }
}

/** Our record of the very certificate that was presented: same name, same key, not only the same serial number. */
function requireRecord(row: CertificateState | undefined, proof: Proof, at: number): CertificateState {
  if (row?.spiffeId === proof.spiffeId && row.keyThumbprint === proof.keyThumbprint) return row
  // Records leave a while after the end.
  if (!row) requireNotEnded(proof, at)
  throw new LanyardError('certificate_untrusted', 'this certificate is not in our records')
}

function requireNotEnded({ notAfter }: Proof, at: number): void {
  const late = Math.ceil((at - endOf(notAfter)) / 1000)
  if (at < endOf(notAfter)) return
  throw new LanyardError(
    'certificate_expired',
    `expected a certificate that counts, got one that ended ${late} s ago`,
    {
      server_time: isoTime(at),
      skew_sec: late,
    },
  )
}

// Both ends count (RFC 5280, 4.1.2.5).
const endOf = (notAfter: number) => (notAfter + 1) * 1000

const callerOf = (row: CertificateState, { agent }: Subject): CertificateCaller => ({
  kind: 'agent-certificate',
  tenant: agent.tenant,
  agent: agent.agent,
  spiffeId: agent.spiffeId,
  permissions: PERMISSIONS,
  lineage: row.lineage,
  incarnation: row.incarnation,
  issuerKeyId: row.issuerKeyId,
  serial: row.serial,
  keyThumbprint: row.keyThumbprint,
  expiresAt: endOf(row.notAfter),
})
