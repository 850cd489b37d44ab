import type { Handlers, Routes } from '@lanyard/api'
import { type Caller, recordSignals, shared } from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { act, byNode } from './call.ts'
import { readTime } from './times.ts'

type Mine = 'reportSignals'

/** What nodes report of processes that were refused an identity. */
export const signalHandlers = (ports: HandlerPorts): Pick<Handlers<Routes, Caller>, Mine> => ({
  async reportSignals(call) {
    const signals = call.body.signals.map(signal => ({ ...signal, at: readTime('body_invalid', 'at', signal.at) }))
    await act(ports, byNode(call), shared(), told => recordSignals(ports.rows, signals, told))
  },
})
