import { type Handlers, LanyardError, type Routes } from '@lanyard/api'
import type { Caller } from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'

type Mine =
  | 'createJoinToken'
  | 'challengeNode'
  | 'attestNode'
  | 'renewNode'
  | 'listNodes'
  | 'getNode'
  | 'updateNode'
  | 'banNode'
  | 'unbanNode'
  | 'removeNode'

/** Machines that become nodes, and what becomes of them. */
export function nodeHandlers(_ports: HandlerPorts): Pick<Handlers<Routes, Caller>, Mine> {
  const starting = (): never => {
    throw new LanyardError('not_ready', 'this part of the authority does not serve')
  }
  return {
    createJoinToken: starting,
    challengeNode: starting,
    attestNode: starting,
    renewNode: starting,
    listNodes: starting,
    getNode: starting,
    updateNode: starting,
    banNode: starting,
    unbanNode: starting,
    removeNode: starting,
  }
}
