import { parentPort } from 'node:worker_threads'
import { compile } from '../compile.ts'
import { PolicyProblems } from '../problems.ts'
import type { PolicyText } from '../question.ts'

/** What a thread of its own does: it checks one version after the other, and says what is wrong. */
parentPort?.on('message', (text: PolicyText) => {
  const made = compile(text)
  parentPort?.postMessage(made instanceof PolicyProblems ? made.problems : [])
})
