// Rewrites package-lock.json: `npm run lock`, after any change of a dependency. It takes out the `engines` of dependencies:
// the programs run on the Node that comes with `npm ci`, so a warning about the caller's older Node would be false,
// and it is the first thing that a newcomer would see. And the marks of install scripts that package.json forbids
// (`allowScripts`), so that an npm too old to know that field runs none either.
import { readFileSync, writeFileSync } from 'node:fs'

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'))
const { allowScripts = {} } = JSON.parse(readFileSync('package.json', 'utf8'))
for (const [path, entry] of Object.entries(lock.packages)) {
  delete entry.engines
  if (allowScripts[path.split('node_modules/').at(-1)] === false) delete entry.hasInstallScript
}
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`)
