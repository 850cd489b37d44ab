import { spawn } from 'node:child_process'
import type { Io } from '../../io.ts'
import { refuse } from '../../problem.ts'
import type { SvidFiles } from './svid-files.ts'

/** Not for the programs that we start. */
const SECRETS = ['LANYARD_API_KEY', 'LANYARD_TOKEN', 'LANYARD_PASSPHRASE']

/**
 * Runs the reload command in a shell, with the paths of the files in LANYARD_SVID, LANYARD_SVID_KEY and LANYARD_BUNDLE.
 * What it prints goes to stderr, since stdout is for results. Throws `reload_failed`.
 */
export async function reload(command: string, files: SvidFiles, io: Io): Promise<void> {
  const own = { LANYARD_SVID: files.svid, LANYARD_SVID_KEY: files.key, LANYARD_BUNDLE: files.bundle }
  const env = Object.fromEntries(Object.entries({ ...io.env, ...own }).filter(([name]) => !SECRETS.includes(name)))
  const ended = await new Promise<string>((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', command], { cwd: io.cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text: Buffer) => io.err.write(text.toString()))
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(signal ?? String(code)))
  })
  if (ended !== '0') throw refuse('reload_failed', `${command}: ended with ${ended}`)
}
