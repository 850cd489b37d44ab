import { statSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readPrivateFile } from '../keys/private-files.ts'

const MARK_FILE = 'feed.mark'

/**
 * Which epoch a store in a file was last seen at, in a file of its own beside it. A store that was put back from a copy is
 * at an earlier epoch, or is another file than the one that was marked; a whole folder put back in place, file by file,
 * cannot be told. A database server tells the same by itself.
 */
export class EpochMark {
  readonly #store: string
  readonly #path: string
  #written = -1
  #writing: Promise<void> | null = null

  /** `store`: path of the file of the store. */
  constructor(store: string) {
    this.#store = store
    this.#path = join(dirname(store), MARK_FILE)
  }

  /** Whether a store at this epoch is not the one that was marked. */
  contradicts(epoch: number): boolean {
    const [file, marked] = readPrivateFile(this.#path)?.trimEnd().split(' ') ?? []
    return file !== this.#file() || !(epoch >= Number(marked))
  }

  /** Marks the epoch, soon. It costs no sync: a mark that is lost is an earlier one, and only says less. */
  async put(epoch: number): Promise<void> {
    if (epoch === this.#written || this.#writing !== null) return
    this.#writing = this.#write(epoch).finally(() => {
      this.#writing = null
    })
    await this.#writing
  }

  async #write(epoch: number): Promise<void> {
    const next = `${this.#path}.new`
    await writeFile(next, `${this.#file()} ${epoch}\n`, { mode: 0o600 })
    await rename(next, this.#path)
    this.#written = epoch
  }

  #file(): string {
    return `${statSync(this.#store, { bigint: true }).ino}`
  }
}
