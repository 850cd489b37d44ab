import type { ApiClient, CallReply } from '../../client/client.ts'
import { Refusal } from '../../problem.ts'

export type Idp = CallReply<'GET /v1/tenants/{tenant}/idps/{id}'>

/** Whose, and which. */
export const TENANT = { name: 'TENANT', about: 'Name of the tenant' } as const
export const IDP = { name: 'IDP', about: 'Its id, or its issuer, as `idp list` shows them' } as const

/** The id of a provider that is named by its id or its issuer. Throws `not_found`. */
export async function idOf(api: ApiClient, tenant: string, written: string): Promise<string> {
  if (!/^https:/.test(written)) return written
  const { items } = await api.call('GET /v1/tenants/{tenant}/idps', { params: { tenant }, query: { limit: 500 } })
  const found = items.find(({ issuer }) => issuer === written)
  if (found) return found.id
  throw new Refusal({
    code: 'not_found',
    title: 'There is no such thing',
    detail: `tenant ${tenant} has no identity provider of the issuer ${written}`,
    remedy: `Issuers are compared letter by letter: lanyard idp list ${tenant}`,
  })
}
