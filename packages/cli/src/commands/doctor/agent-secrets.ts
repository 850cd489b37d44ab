import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { nodeCrypto } from '@lanyard/protocol/node'
import type { Io } from '../../io.ts'
import { type Finding, finding } from './checks.ts'

/** Files of one folder that are looked into, and bytes of one: a secret lies in small files. */
const FILES_MAX = 1000
const BYTES_MAX = 1 << 20

/** Secrets of agents that lie about: in variables, and in the files of the folders where this runs and where data lie. */
export async function checkAgentSecrets(
  { env, cwd }: Pick<Io, 'env' | 'cwd'>,
  data: string | null,
): Promise<Finding[]> {
  const { agentSecretsIn } = await import('@lanyard/authority')
  const holds = (text: string) => agentSecretsIn(text, nodeCrypto).length > 0
  const variables = Object.entries(env).flatMap(([name, value]) => (value !== undefined && holds(value) ? [name] : []))
  const files = [...new Set(data === null ? [cwd] : [cwd, data])].flatMap(folder => filesWith(folder, holds))
  const wide = files.flatMap(({ path, isWide }) => (isWide ? [path] : []))
  const exposed = [
    ...(wide.length > 0 ? [`others can read ${wide.join(', ')}`] : []),
    ...(variables.length > 0 ? [`in variables of the environment: ${variables.join(', ')}`] : []),
  ]
  if (exposed.length > 0)
    return [finding('agent_secrets_private', wide.length > 0 ? 'failed' : 'warning', exposed.join('; '))]
  if (files.length === 0) return []
  return [finding('agent_secrets_private', 'ok', files.map(({ path }) => path).join(', '))]
}

interface Found {
  readonly path: string
  /** Others can read it. */
  readonly isWide: boolean
}

function filesWith(folder: string, holds: (text: string) => boolean): Found[] {
  const entries = listed(folder).filter(entry => entry.isFile())
  return entries.slice(0, FILES_MAX).flatMap(({ name }) => {
    const path = join(folder, name)
    const read = beginOf(path)
    return read !== null && holds(read.text) ? [{ path, isWide: (read.mode & 0o077) !== 0 }] : []
  })
}

function listed(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    // What cannot be entered shows nothing to whoever runs this.
    return []
  }
}

/** The beginning of a file, with the rights of what was read; null for what is not for us to read. */
function beginOf(path: string): { readonly text: string; readonly mode: number } | null {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    const bytes = Buffer.alloc(Math.min(fstatSync(file).size, BYTES_MAX))
    const length = readSync(file, bytes)
    return { text: bytes.toString('latin1', 0, length), mode: fstatSync(file).mode }
  } catch {
    return null
  } finally {
    if (file !== undefined) closeSync(file)
  }
}
