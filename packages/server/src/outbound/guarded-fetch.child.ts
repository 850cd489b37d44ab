import process from 'node:process'
import { openOutbound } from './guarded-fetch.ts'

// Asks once, in a process whose environment is somebody's idea.
const { url, allow, roots } = JSON.parse(process.argv[2]!)
const said = await openOutbound({ allow, roots })
  .ask({ url, maxBytes: 1000, timeoutMs: 5000 })
  .then(
    ({ text }) => text,
    error => error.code,
  )
process.stdout.write(said)
