import type { AdmissionRows, AdmissionState } from '@lanyard/authority'
import type { RowContext } from './context.ts'
import { requireOne } from './page.ts'
import { requireTenantId } from './tenant-id.ts'

interface Written {
  readonly tenantId: number
  readonly onFederation: string
  readonly agentMtlsRequired: number | null
  readonly agentMtlsCa: string | null
}

export function admissionRows(context: RowContext): AdmissionRows {
  const { statements } = context
  const db = statements.kysely
  const find = statements.prepareRows((a: { tenant: string }) =>
    db
      .selectFrom('admissions as m')
      .innerJoin('tenants as t', 't.id', 'm.tenant_id')
      .selectAll('m')
      .where('t.tenant', '=', a.tenant),
  )
  const put = statements.prepareChange((a: Written) => {
    const settings = {
      on_federation: a.onFederation,
      agent_mtls_required: a.agentMtlsRequired,
      agent_mtls_ca: a.agentMtlsCa,
    }
    return db
      .insertInto('admissions')
      .values({ tenant_id: a.tenantId, ...settings })
      .onConflict(conflict => conflict.column('tenant_id').doUpdateSet(settings))
  })
  return {
    *find(tenant) {
      const [row] = yield* find({ tenant })
      if (row === undefined) return { tenant, onFederation: 'drain', agentMtlsRequired: null, agentMtlsCa: null }
      const required = row.agent_mtls_required
      return {
        tenant,
        onFederation: row.on_federation as AdmissionState['onFederation'],
        agentMtlsRequired: required === null ? null : required === 1,
        agentMtlsCa: row.agent_mtls_ca,
      }
    },
    *put({ tenant, onFederation, agentMtlsRequired: required, agentMtlsCa }) {
      const tenantId = (yield* requireTenantId(context, tenant))!
      const agentMtlsRequired = required === null ? null : Number(required)
      requireOne(yield* put({ tenantId, onFederation, agentMtlsRequired, agentMtlsCa }), 'admission')
    },
  }
}
