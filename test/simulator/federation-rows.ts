import type { AdmissionState, FederatedTokenState, IdpState } from '@lanyard/authority'
import { ask, type RowFaults } from './rows.ts'

/** Identity providers, the tokens of theirs that were spent, and what a tenant has settled about them. */
export const federationTables = ({ tokenWithoutClaim }: RowFaults) => ({
  idps: {
    find: (tenant: string, id: string) =>
      ask('idps.find', tx => {
        const idp = tx.get<IdpState>('idps', id)
        return idp?.tenant === tenant ? idp : undefined
      }),
    findById: (id: string) => ask('idps.findById', tx => tx.get<IdpState>('idps', id)),
    findByIssuer: (tenant: string, issuer: string) =>
      ask('idps.findByIssuer', tx =>
        tx.all<IdpState>('idps').find(one => one.tenant === tenant && one.issuer === issuer),
      ),
    insert: (idp: IdpState) => ask('idps.insert', tx => tx.put('idps', idp.id, idp)),
    update: (idp: IdpState) => ask('idps.update', tx => tx.put('idps', idp.id, idp)),
    federates: (tenant: string) =>
      ask('idps.federates', tx => tx.all<IdpState>('idps').some(one => one.tenant === tenant && vouches(one))),
    count: (tenant: string) =>
      ask('idps.count', tx => tx.all<IdpState>('idps').filter(one => one.tenant === tenant).length),
  },
  federatedTokens: {
    find: (hash: string) => ask('federatedTokens.find', tx => tx.get<FederatedTokenState>('federated_tokens', hash)),
    // INSERT … ON CONFLICT DO NOTHING: the second waits for the first, and then finds what that left.
    claim: (token: FederatedTokenState) =>
      ask('federatedTokens.claim', tx => {
        if (!tokenWithoutClaim) tx.lock('federated_tokens', token.hash)
        const first = tx.get<FederatedTokenState>('federated_tokens', token.hash)
        if (first === undefined) tx.writes.set(`federated_tokens/${token.hash}`, token)
        return first
      }),
  },
  admissions: {
    find: (tenant: string) =>
      ask('admissions.find', tx => tx.get<AdmissionState>('admissions', tenant) ?? unset(tenant)),
    put: (admission: AdmissionState) => ask('admissions.put', tx => tx.put('admissions', admission.tenant, admission)),
  },
})

export const vouches = ({ enabled, allowAgentFederation }: IdpState) => enabled && allowAgentFederation

const unset = (tenant: string): AdmissionState => ({
  ...{ tenant, onFederation: 'drain', agentMtlsRequired: null, agentMtlsCa: null },
})
