#!/usr/bin/env node
// Starts the command line under the pinned Node.js, whatever Node the shell found.
import { fileURLToPath } from 'node:url'
import { LANYARD_FLAGS, runPinned } from '../../../tools/node.mjs'

try {
  runPinned([...LANYARD_FLAGS, fileURLToPath(new URL('../src/main.ts', import.meta.url)), ...process.argv.slice(2)])
} catch (error) {
  console.error(error.message)
  process.exit(70)
}
