import type {
  AdmissionState,
  CertificateState,
  DeathState,
  IdpState,
  LineageState,
  SecretState,
} from '@lanyard/authority'
import type { Database } from './database.ts'
import { vouches } from './federation-rows.ts'
import { isCurrent } from './secret-rows.ts'
import { Violation } from './violation.ts'

/** What must hold of providers and secrets at every moment. Throws {@link Violation}. */
export function checkVouching(database: Database): void {
  const open = database.rows<LineageState>('lineages').filter(({ standing }) => standing !== 'ended')
  checkFederation(database, open)
  checkSecrets(database.rows<SecretState>('secrets'), open)
}

/** Where a provider vouches and what began internally is to end, nothing of it goes on. */
function checkFederation(database: Database, open: readonly LineageState[]): void {
  const ends = database.rows<AdmissionState>('admissions').filter(({ onFederation }) => onFederation === 'end')
  for (const { tenant } of ends) {
    if (!database.rows<IdpState>('idps').some(idp => idp.tenant === tenant && vouches(idp))) continue
    for (const { id, mintedBy, ...one } of open)
      if (one.tenant === tenant && !mintedBy.startsWith('idp:'))
        throw new Violation(`lineage ${id.slice(-4)} of ${mintedBy} is open, and a provider vouches for ${tenant}`)
  }
}

function checkSecrets(secrets: readonly SecretState[], open: readonly LineageState[]): void {
  const holders = secrets.filter(isCurrent).map(({ tenant, agent }) => `${tenant}/${agent}`)
  for (const holder of holders)
    if (holders.indexOf(holder) !== holders.lastIndexOf(holder))
      throw new Violation(`agent ${holder} has two secrets that count`)
  const revoked = secrets.filter(({ standing }) => standing === 'revoked').map(({ id }) => `agent-secret:${id}`)
  for (const { id, mintedBy } of open)
    if (revoked.includes(mintedBy)) throw new Violation(`lineage ${id.slice(-4)} is open, and ${mintedBy} is revoked`)
}

/** A certificate dies with its lineage, and all that was revoked while it could be shown is told. */
export function checkEnded(database: Database, at: number): void {
  for (const one of database.rows<CertificateState>('certificates')) {
    if ((one.notAfter + 1) * 1000 <= at) continue
    const { standing } = database.committed(`lineages/${one.lineage}`) as LineageState
    const name = `certificate ${one.serial.slice(-4)} of ${one.agent}`
    if (one.revokedAt === null && standing === 'ended')
      throw new Violation(`${name} is alive, and its lineage has ended`)
    if (one.revokedAt !== null && !isTold(database, one)) throw new Violation(`${name} is revoked, and nobody is told`)
  }
}

function isTold(database: Database, { tenant, spiffeId, lineage, incarnation }: CertificateState): boolean {
  const death = (name: string) => database.committed(`deaths/${name}`) as DeathState | undefined
  const through = (name: string) => (death(name)?.through ?? 0) >= incarnation
  return death(`lineage ${lineage}`) !== undefined || through(`agent ${spiffeId}`) || through(`tenant ${tenant}`)
}
