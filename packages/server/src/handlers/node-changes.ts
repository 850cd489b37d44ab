import { type Handlers, LanyardError, type Routes } from '@lanyard/api'
import type { Caller } from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'

type Mine = 'followNode'

/** What nodes follow: their entries and bundles. */
export function nodeChangeHandlers(_ports: HandlerPorts): Pick<Handlers<Routes, Caller>, Mine> {
  const starting = (): never => {
    throw new LanyardError('not_ready', 'this part of the authority does not serve')
  }
  return {
    followNode: starting,
  }
}
