// Writes docs/reference from the source: `npm run docs`. A test says when it is due.
import { mkdirSync, writeFileSync } from 'node:fs'
import { REFERENCE, referencePages } from './pages.ts'

mkdirSync(REFERENCE, { recursive: true })
for (const [name, text] of Object.entries(await referencePages())) writeFileSync(new URL(name, REFERENCE), text)
