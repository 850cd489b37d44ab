import { actorOf, type IssueAsked, type IssueCaller, type IssueGate, RefusalEvents } from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { contextOf } from './context.ts'
import { type Known, ofAgent, ofNode, together } from './entities.ts'
import { requireAllowed } from './verdict.ts'

export interface IssueGatePorts extends Pick<HandlerPorts, 'store' | 'rows' | 'clock' | 'policies'> {
  readonly authorities: Pick<HandlerPorts['authorities'], 'trustDomain'>
}

/** Asks the policies about everything that is issued. All that they are told was read for the issue itself. */
export function createIssueGate({ authorities, ...ports }: IssueGatePorts): IssueGate {
  const { policies } = ports
  const denials = new RefusalEvents(ports)
  return asked => {
    const { caller, subject, source, correlation } = asked
    const { tenant } = subject.agent
    if (!policies.asks(tenant)) return undefined
    const agent = ofAgent(subject.agent, authorities.trustDomain)
    const principal = askerOf(caller, agent, authorities.trustDomain)
    const entities = principal === agent ? agent.entities : together(principal, agent)
    const both = { principal: principal.self, resource: agent.self, entities }
    const question = { ...both, action: 'issue', tenant, context: issueContext(asked) }
    return requireAllowed(policies, denials, question, { actor: actorOf(caller), tenant, source, correlation })
  }
}

/** The node asks for its workload, an agent for itself. */
const askerOf = (caller: IssueCaller, agent: Known, domain: string): Known =>
  caller.kind === 'workload' ? ofNode(caller.node, domain) : agent

function issueContext({ caller, subject, door, tier, ttlSec, key, at, source }: IssueAsked) {
  const { agent, lineage } = subject
  return {
    ...contextOf(caller, { at, source }),
    door,
    tier,
    ttl_sec: ttlSec,
    provenance: agent.provenance,
    lineage_age_sec: Math.max(0, Math.floor((at - lineage.openedAt) / 1000)),
    ...(key === null ? {} : { key_type: key.type ?? 'other', key_bits: key.bits }),
    ...(caller.kind === 'workload' ? { node: caller.node.node } : {}),
  }
}
