import { type Handlers, LanyardError, type Routes } from '@lanyard/api'
import type { Caller } from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'

type Mine = 'createEntry' | 'createEntries' | 'listEntries' | 'getEntry' | 'updateEntry' | 'deleteEntry'

/** Registration entries. */
export function entryHandlers(_ports: HandlerPorts): Pick<Handlers<Routes, Caller>, Mine> {
  const starting = (): never => {
    throw new LanyardError('not_ready', 'this part of the authority does not serve')
  }
  return {
    createEntry: starting,
    createEntries: starting,
    listEntries: starting,
    getEntry: starting,
    updateEntry: starting,
    deleteEntry: starting,
  }
}
