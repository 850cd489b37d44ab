import type { Handlers, Routes } from '@lanyard/api'
import type { Caller } from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { byNode } from './call.ts'

/** What nodes follow: their entries and bundles. */
export const nodeChangeHandlers = ({ nodeNews }: HandlerPorts): Pick<Handlers<Routes, Caller>, 'followNode'> => ({
  followNode: call => nodeNews.follow(call.query.cursor ?? null, byNode(call).caller),
})
