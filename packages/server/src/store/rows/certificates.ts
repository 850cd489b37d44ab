import type { AgentKey, CertificateRows, LineagesOf } from '@lanyard/authority'
import { bytesOfHex, hexOf, numbersOfCursor } from '../encoding.ts'
import { LONGEST_LIFE_MS, listCertificates, type TimePlace } from './certificate-list.ts'
import {
  type CertificateRow,
  certificateOf,
  certificatesOf,
  chainedCertificate,
  type WrittenCertificate,
  writtenOf,
} from './certificate-row.ts'
import type { RowContext } from './context.ts'
import { pageOf, requireOne } from './page.ts'

export function certificateRows(context: RowContext): CertificateRows {
  const { heads } = context
  const finds = lookups(context)
  const insert = insertion(context)
  const addIssuer = issuerInsertion(context)
  const revocations = revocation(context)

  return {
    *find(issuerKeyId, serial) {
      const [row] = yield* finds.byIssuer({ keyId: bytesOfHex(issuerKeyId), serial: bytesOfHex(serial) })
      return row && certificateOf(row)
    },
    *findBySerial(serial, tenant) {
      const bytes = bytesOfHex(serial)
      const [row] = yield* tenant === null ? finds.any({ serial: bytes }) : finds.ofTenant({ serial: bytes, tenant })
      return row && certificateOf(row)
    },
    *insert(certificate) {
      const written = writtenOf(certificate, heads.next('issuance', chainedCertificate(certificate)))
      if ((yield* insert(written)) === 1) return
      // The first certificate of its issuer, else a lineage that does not exist.
      yield* addIssuer({ keyId: written.keyId })
      requireOne(yield* insert(written), 'certificate')
    },
    *revoke(whose, { at, reason }) {
      const when = { at, reason, second: Math.floor(at / 1000), since: at - LONGEST_LIFE_MS }
      const rows = yield* 'lineage' in whose
        ? revocations.ofLineage({ ...when, lineage: bytesOfHex(whose.lineage) })
        : 'lineages' in whose
          ? revocations.ofLineages({ ...when, ...whose })
          : 'agent' in whose
            ? revocations.ofAgent({ ...when, tenant: whose.tenant, agent: whose.agent })
            : revocations.ofTenant({ ...when, tenant: whose.tenant })
      return newestFirst(rows).map(row => hexOf(row.serial))
    },
    *list(filter, page) {
      const before = page.after === null ? null : timePlaceOf(page.after)
      const { rows, floor } = yield* listCertificates(context, filter, before, page.limit + 1)
      const { items, next } = pageOf(rows, page, cursorOfRow, { floor: floor && cursorOf(floor) })
      return { items: items.map(certificateOf), next }
    },
  }
}

const cursorOf = ({ at, place }: TimePlace) => `${at}.${place}`

const cursorOfRow = ({ issued_at: at, place }: CertificateRow) => cursorOf({ at, place })

function timePlaceOf(after: string) {
  const [at, place] = numbersOfCursor(after, 2)
  return { at: at!, place: place! }
}

const newestFirst = <R extends { issued_at: number; place: number }>(rows: readonly R[]): R[] =>
  rows.toSorted((a, b) => b.issued_at - a.issued_at || b.place - a.place)

function lookups({ statements, trustDomain }: RowContext) {
  const all = certificatesOf(statements)
  return {
    byIssuer: statements.prepareRows((a: { keyId: Uint8Array; serial: Uint8Array }) =>
      all.where('c.serial', '=', a.serial).where('i.trust_domain', '=', trustDomain).where('i.key_id', '=', a.keyId),
    ),
    any: statements.prepareRows((a: { serial: Uint8Array }) => all.where('c.serial', '=', a.serial)),
    ofTenant: statements.prepareRows((a: { serial: Uint8Array; tenant: string }) =>
      all.where('c.serial', '=', a.serial).where('t.tenant', '=', a.tenant),
    ),
  }
}

function issuerInsertion({ statements, trustDomain }: RowContext) {
  return statements.prepareChange((a: { keyId: Uint8Array }) =>
    statements.kysely
      .insertInto('issuers')
      .values({ trust_domain: trustDomain, key_id: a.keyId })
      .onConflict(conflict => conflict.doNothing()),
  )
}

// Tenant, agent and lineage come by their numbers from the lineage's own row, in the same statement.
function insertion({ statements, trustDomain }: RowContext) {
  const db = statements.kysely
  return statements.prepareChange((a: WrittenCertificate) =>
    db
      .insertInto('certificates')
      .columns([
        'tenant_id',
        'agent_id',
        'lineage_no',
        'minted_by',
        'issuer_id',
        'place',
        'serial',
        'generation',
        'incarnation',
        'tier',
        'not_before',
        'not_after',
        'issued_at',
        'parent',
        'key_thumbprint',
        'source',
        'correlation',
        'hash',
      ])
      .expression(
        db
          .selectFrom(['lineages as l', 'issuers as i'])
          .where('l.id', '=', a.lineage)
          .where('i.trust_domain', '=', trustDomain)
          .where('i.key_id', '=', a.keyId)
          .select(eb => [
            'l.tenant_id',
            'l.agent_id',
            'l.no',
            // Null where it is the token of the lineage, which certificateOf puts back.
            eb
              .fn<string | null>('nullif', [eb.val(a.mintedBy), eb(eb.val(a.tokenPrefix), '||', eb.ref('l.jti'))])
              .as('minted_by'),
            'i.id',
            eb.val(a.place).as('place'),
            eb.val(a.serial).as('serial'),
            eb.val(a.generation).as('generation'),
            eb.val(a.incarnation).as('incarnation'),
            eb.val(a.tier).as('tier'),
            eb.val(a.notBefore).as('not_before'),
            eb.val(a.notAfter).as('not_after'),
            eb.val(a.issuedAt).as('issued_at'),
            eb.val(a.parent).as('parent'),
            eb.val(a.keyThumbprint).as('key_thumbprint'),
            eb.val(a.source).as('source'),
            eb.val(a.correlation).as('correlation'),
            eb.val(a.hash).as('hash'),
          ]),
      ),
  )
}

interface Revocation {
  readonly at: number
  /** The same time in seconds, as certificates count. */
  readonly second: number
  /** What was issued before it has ended: so an index need not be followed into the past. */
  readonly since: number
  readonly reason: string
}

function revocation({ statements }: RowContext) {
  const db = statements.kysely
  const tenantId = (a: { tenant: string }) => db.selectFrom('tenants').select('id').where('tenant', '=', a.tenant)
  const revoked = (a: Revocation) =>
    db
      .updateTable('certificates')
      .set({ revoked_at: a.at, revoked_reason: a.reason })
      .where('revoked_at', 'is', null)
      .where('not_after', '>=', a.second)
      .where('issued_at', '>=', a.since)
      .returning(['serial', 'issued_at', 'place'])

  const revokedOf = (a: Revocation & AgentKey) =>
    revoked(a)
      .where('tenant_id', '=', tenantId(a))
      .where('agent_id', '=', eb =>
        eb.selectFrom('agents').select('id').where('tenant_id', '=', tenantId(a)).where('agent', '=', a.agent),
      )

  return {
    ofLineage: statements.prepareChangedRows((a: Revocation & { lineage: Uint8Array }) => {
      const lineage = db.selectFrom('lineages').where('id', '=', a.lineage)
      return revoked(a)
        .where('tenant_id', '=', lineage.select('tenant_id'))
        .where('agent_id', '=', lineage.select('agent_id'))
        .where('lineage_no', '=', lineage.select('no'))
    }),
    // In one walk over what the agent got lately, however many lineages.
    ofLineages: (a: Revocation & LineagesOf) =>
      statements.changedRows(
        revokedOf(a).where(
          'lineage_no',
          'in',
          db.selectFrom('lineages').select('no').where('id', 'in', a.lineages.map(bytesOfHex)),
        ),
      ),
    ofAgent: statements.prepareChangedRows((a: Revocation & AgentKey) => revokedOf(a)),
    ofTenant: statements.prepareChangedRows((a: Revocation & { tenant: string }) =>
      revoked(a).where('tenant_id', '=', tenantId(a)),
    ),
  }
}
