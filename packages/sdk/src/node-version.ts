import process from 'node:process'

/** The oldest Node.js that the SDK runs on, as the manifest of what is packed says it too. */
const OLDEST = [22, 19] as const

/** Throws where this Node.js is too old, before a library fails at what is not there yet. */
export function requireNode(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return
  throw new Error(`@lanyard/sdk needs Node.js ${OLDEST.join('.')} or later, this is ${version}`)
}

requireNode(process.versions.node)
