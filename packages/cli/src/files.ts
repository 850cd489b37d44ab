import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Misuse, refuse } from './problem.ts'

export interface NewFile {
  readonly path: string
  readonly content: string | Uint8Array
  /** Permission bits: 0o600 for what is secret. */
  readonly mode: number
}

/**
 * Writes files so that a reader sees each as it was or as it is now, never a part. All are on disk under other names
 * before the first takes its place, so that a full disk or a forbidden folder changes none.
 *
 * @throws Refusal `file_unwritable`
 */
export function writeFiles(files: readonly NewFile[]): void {
  const written: { readonly from: string; readonly to: string }[] = []
  try {
    for (const file of files) written.push({ from: writeBeside(file), to: file.path })
    for (const { from, to } of written) renameSync(from, to)
  } catch (error) {
    for (const { from } of written) rmSync(from, { force: true })
    const { code, path } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    throw refuse('file_unwritable', `${path ?? files[0]?.path}: ${code}`, { cause: error })
  }
}

function writeBeside({ path, content, mode }: NewFile): string {
  const folder = dirname(path)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const beside = join(folder, `.${randomBytes(8).toString('hex')}.new`)
  const file = openSync(beside, 'wx', mode)
  try {
    // Not writeSync: where the disk has room for a part, it writes that part and is content.
    writeFileSync(file, content)
    fsyncSync(file)
  } catch (error) {
    rmSync(beside, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
  return beside
}

/** A file that the command line names. Throws {@link Misuse} when it cannot be read. */
export function readInput(path: string, what: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const reason = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : code
    throw new Misuse(`${what}: cannot read ${path}: ${reason}`)
  }
}

/** A secret from a file: its text without surrounding white space. */
export function readSecret(path: string, what: string): string {
  const secret = Buffer.from(readInput(path, what)).toString('utf8').trim()
  if (secret === '' || /\s/.test(secret)) throw new Misuse(`${what}: expected one word in ${path}`)
  return secret
}
