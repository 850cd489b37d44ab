import { type Handlers, LanyardError, type Routes } from '@lanyard/api'
import type { Caller } from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'

type Mine = 'issueWorkloadCert' | 'issueJwtSvid' | 'issueWitSvid'

/** SVIDs that nodes fetch for their workloads. */
export function nodeSvidHandlers(_ports: HandlerPorts): Pick<Handlers<Routes, Caller>, Mine> {
  const starting = (): never => {
    throw new LanyardError('not_ready', 'this part of the authority does not serve')
  }
  return {
    issueWorkloadCert: starting,
    issueJwtSvid: starting,
    issueWitSvid: starting,
  }
}
