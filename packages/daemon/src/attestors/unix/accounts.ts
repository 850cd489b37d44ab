import { readFileSync, statSync } from 'node:fs'

/** Names by number. */
type Names = ReadonlyMap<number, string>

/** Reads passwd(5) or group(5): the name is the first field, the number the third. Of two names with one number the first counts. */
export function parseAccounts(text: string): Names {
  const names = new Map<number, string>()
  for (const line of text.split('\n')) {
    const [name, , number] = line.split(':')
    if (!name || !/^[^\s#+-][^\s]*$/.test(name) || !/^\d{1,10}$/.test(number ?? '')) continue
    if (!names.has(Number(number))) names.set(Number(number), name)
  }
  return names
}

/** A file of accounts, read again when it changed. */
export class Accounts {
  readonly #path: string
  #version = ''
  #names: Names = new Map()

  constructor(path: string) {
    this.#path = path
  }

  /** The name of this number as a list; empty: it has none here. */
  nameOf(number: number): readonly string[] {
    try {
      const { dev, ino, size, mtimeNs, ctimeNs } = statSync(this.#path, { bigint: true })
      const version = [dev, ino, size, mtimeNs, ctimeNs].join(' ')
      if (version !== this.#version) this.#names = parseAccounts(readFileSync(this.#path, 'utf8'))
      this.#version = version
    } catch {
      // Without the file there are no names; those of before may be somebody else's now.
      this.#version = ''
      this.#names = new Map()
    }
    const name = this.#names.get(number)
    return name === undefined ? [] : [name]
  }
}
