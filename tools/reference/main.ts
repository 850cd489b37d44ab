// Writes docs/reference from the source: `npm run docs`. A test says when it is due.
import { mkdirSync, writeFileSync } from 'node:fs'
import { REFERENCE, referencePages } from './pages.ts'

for (const [name, text] of Object.entries(await referencePages())) {
  mkdirSync(new URL('.', new URL(name, REFERENCE)), { recursive: true })
  writeFileSync(new URL(name, REFERENCE), text)
}
