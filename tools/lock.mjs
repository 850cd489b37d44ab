// Rewrites package-lock.json without the `engines` of dependencies: `npm run lock`, after any change of a dependency.
// The programs run on the Node that comes with `npm ci`, so a warning about the caller's older Node would be false,
// and it is the first thing that a newcomer would see.
import { readFileSync, writeFileSync } from 'node:fs'

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'))
for (const entry of Object.values(lock.packages)) delete entry.engines
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`)
