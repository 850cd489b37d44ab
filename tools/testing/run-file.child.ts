// `run-file.child.ts FILE LIMITS`: runs a test file and prints what came of it, in JSON. A test cannot run tests itself.
import process from 'node:process'
import { type Limits, runFile } from '../test-file.ts'

const [file, limits] = process.argv.slice(2)
const passed: string[] = []
const failed: string[] = []
const outcome = await runFile(file!, JSON.parse(limits!) as Limits, {
  pass: ({ name }) => void passed.push(name),
  fail: ({ name }) => void failed.push(name),
})
console.log(JSON.stringify({ ...outcome, passed, failed }))
process.exit()
