import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Why the `openssl` program cannot be asked, or false. Where everything must be there (CI), its absence is a failure. */
export function opensslMissing(): string | false {
  if (spawnSync('openssl', ['version']).status === 0) return false
  if (process.env.CI === 'true') throw new Error('openssl is missing: install it, these tests need it')
  return 'openssl is missing'
}

export interface ScriptResult {
  readonly output: string
  /** All files of the folder at the end, as text. */
  readonly files: Readonly<Record<string, string>>
}

/** Runs a script of the shell in a folder of its own that holds `files`. Throws what it printed when it fails. */
export function runScript(script: string, files: Readonly<Record<string, string>> = {}): ScriptResult {
  const cwd = mkdtempSync(join(tmpdir(), 'lanyard-openssl-'))
  try {
    for (const [file, text] of Object.entries(files)) writeFileSync(join(cwd, file), text)
    const { status, stdout, stderr } = spawnSync('sh', ['-ec', script], { cwd, encoding: 'utf8', maxBuffer: 1 << 26 })
    if (status !== 0) throw new Error(`the script ended with ${status}: ${stderr}${stdout}`)
    return {
      output: stdout,
      files: Object.fromEntries(readdirSync(cwd).map(file => [file, readFileSync(join(cwd, file), 'utf8')])),
    }
  } finally {
    rmSync(cwd, { recursive: true })
  }
}
