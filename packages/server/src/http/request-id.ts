import { randomBytes } from 'node:crypto'

// Unique among instances and restarts by its random half, within a process by its counter; short, since every
// certificate's row carries one.
const half = BigInt(`0x${randomBytes(5).toString('hex')}`)
  .toString(36)
  .padStart(8, '0')
let count = 0

/** A name for one request: in its reply, in the log and in the events. */
export const newRequestId = () => `${half}-${(count++).toString(36)}`
