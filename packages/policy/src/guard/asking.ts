import { DEFAULT_ID_TEMPLATE, IdTemplate } from '@lanyard/protocol'
import type { Route, SpiffeId } from '@lanyard/sdk'
import type { Entity, EntityFacts, Question } from '../question.ts'
import { timeContext } from '../time-context.ts'
import type { PolicyOptions } from './options.ts'

/** One call between agents, as far as it is known here. */
export interface AgentCall {
  readonly peer: SpiffeId
  readonly own: SpiffeId
  readonly route: Route | undefined
  /** Unix milliseconds. */
  readonly at: number
}

/** Puts calls between agents into questions: `call`, by the one, to the other. */
export class Asking {
  readonly #template: IdTemplate
  readonly #operation: PolicyOptions['operation']

  /** @throws ProtocolError `id_template_invalid` */
  constructor({ template, operation }: PolicyOptions) {
    this.#template = IdTemplate.parse(template ?? DEFAULT_ID_TEMPLATE)
    this.#operation = operation
  }

  questionOf({ peer, own, route, at }: AgentCall): Question {
    return {
      principal: agent(peer),
      action: 'call',
      resource: agent(own),
      context: {
        ...timeContext(at),
        credential: 'agent-certificate',
        ...(route === undefined
          ? {}
          : { method: route.method, path: pathOf(route), operation: this.#operation?.(route) }),
      },
      entities: this.#facts(peer, own),
    }
  }

  /** Each once: an agent may call itself. */
  #facts(peer: SpiffeId, own: SpiffeId): readonly EntityFacts[] {
    const all = [...this.#factsOf(peer, own), ...this.#factsOf(own, own)]
    return [...new Map(all.map(facts => [`${facts.type} ${facts.id}`, facts])).values()]
  }

  /** Of an agent of another trust domain nothing is known but its ID: its names are given by somebody else. */
  #factsOf(id: SpiffeId, own: SpiffeId): readonly EntityFacts[] {
    const names = id.trustDomain.equals(own.trustDomain) ? this.#template.namesIn(id) : null
    if (names === null) return []
    const domain: Entity = { type: 'TrustDomain', id: own.trustDomain.name }
    const tenant: Entity = { type: 'Tenant', id: names.tenant }
    return [
      { ...agent(id), attributes: { tenant: names.tenant, name: names.agent }, parents: [tenant] },
      { ...tenant, attributes: {}, parents: [domain] },
      { ...domain, attributes: {}, parents: [] },
    ]
  }
}

const agent = (id: SpiffeId): Entity => ({ type: 'Agent', id: `${id}` })

/** Path without query. */
export const pathOf = ({ url }: Route): string => url.split('?', 1)[0]!

/**
 * Whether every router reads the path alike: `//`, `..`, `%` and a backslash are resolved by some, and not by others.
 */
export const isPlain = (path: string): boolean =>
  /^(?:\/[\w.~!$&'()*+,;=:@-]+)*\/?$/.test(path) && !/\/\.{1,2}(?:\/|$)/.test(path)
