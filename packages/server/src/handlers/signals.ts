import { type Handlers, LanyardError, type Routes } from '@lanyard/api'
import { type Caller, recordSignals, shared } from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { act, byNode } from './call.ts'
import { parseTime, TIME_EXPECTED } from './times.ts'

type Mine = 'reportSignals'

/** What nodes report of processes that were refused an identity. */
export const signalHandlers = (ports: HandlerPorts): Pick<Handlers<Routes, Caller>, Mine> => ({
  async reportSignals(call) {
    const signals = call.body.signals.map(signal => ({ ...signal, at: readTime(signal.at) }))
    await act(ports, byNode(call), shared(), told => recordSignals(ports.rows, signals, told))
  },
})

/** Throws `body_invalid`. */
function readTime(text: string): number {
  const at = parseTime(text)
  if (at !== null && at >= 0) return at
  const message = TIME_EXPECTED
  throw new LanyardError('body_invalid', `at: ${message}`, { errors: [{ path: 'at', message }] })
}
