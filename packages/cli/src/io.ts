/** Where text goes. */
export interface Writer {
  write(text: string): void
  /** A person is watching. */
  readonly isTTY: boolean
}

/** All that a command may touch of the process it runs in, so that tests run commands without one. */
export interface Io {
  readonly out: Writer
  readonly err: Writer
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** The home folder of the user. */
  readonly home: string
  /** Unix milliseconds. */
  now(): number
  /** All of standard input. */
  read(): Promise<Uint8Array>
  /** Asks the person at the terminal; null where nobody can be asked. */
  readonly ask: ((question: string) => Promise<string>) | null
  /** Aborted by the first SIGINT or SIGTERM from the first call on; before it, a signal just ends the process. */
  stopped(): AbortSignal
}
