import type { Handlers, Routes } from '@lanyard/api'
import { type Caller, type IssuedToken, isoTime, type NodeRequest, WorkloadDoor } from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { byNode } from './call.ts'
import { readCsr } from './csr.ts'
import { showIssued } from './issued.ts'

type Mine = 'issueWorkloadCert' | 'issueJwtSvid' | 'issueWitSvid'

/** SVIDs that nodes fetch for their workloads. */
export function nodeSvidHandlers(ports: HandlerPorts): Pick<Handlers<Routes, Caller>, Mine> {
  const door = new WorkloadDoor(ports)
  return {
    async issueWorkloadCert(call) {
      const { csr, renews = null } = call.body
      const issued = await door.x509(requestOf(call), readCsr(csr), renews)
      return { ...showIssued(issued), lineage: issued.lineage, incarnation: issued.incarnation }
    },

    async issueJwtSvid(call) {
      return showToken(await door.jwt(requestOf(call), call.body.audience))
    },

    async issueWitSvid(call) {
      return showToken(await door.wit(requestOf(call), readCsr(call.body.csr)))
    },
  }
}

interface AnyCall {
  readonly caller: Caller
  readonly source: string
  readonly requestId: string
  readonly body: { readonly entry: string }
}

function requestOf(call: AnyCall): NodeRequest {
  const { caller, source, requestId: correlation, body } = byNode(call)
  return { caller, entry: body.entry, source, correlation }
}

const showToken = ({ token, spiffeId, issuedAt, expiresAt }: IssuedToken) => ({
  token,
  spiffe_id: spiffeId,
  issued_at: isoTime(issuedAt * 1000),
  expires_at: isoTime(expiresAt * 1000),
})
