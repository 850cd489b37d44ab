import { createPrivateKey } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { decodePem, encodePem } from '@lanyard/protocol'
import { asIdentityError, codeOf, IdentityError } from '../errors.ts'
import { pause, type TimeSource } from '../time.ts'
import type { SvidListener, SvidSource } from './source.ts'
import { Svid } from './svid.ts'

/** How often the files are looked at. */
const LOOK_EVERY_MS = 5_000
/** Whoever writes the three files cannot replace them in one step; what does not fit is read once more after this. */
const SETTLE_MS = 500
const MAX_BYTES = 256 * 1024

export interface SvidFiles {
  /** PEM: the leaf, then the intermediates. */
  readonly certificate: string
  /** PEM, PKCS#8. */
  readonly key: string
  /** PEM: the roots. */
  readonly bundle: string
}

/** The files in a folder, under the names that `lanyard cert request --out` gives them. */
export function filesIn(folder: string): SvidFiles {
  return {
    certificate: join(folder, 'svid.pem'),
    key: join(folder, 'svid_key.pem'),
    bundle: join(folder, 'bundle.pem'),
  }
}

/** @throws IdentityError `files_invalid` */
export async function readSvid(files: SvidFiles): Promise<Svid> {
  try {
    const [certificates, key, bundle] = await Promise.all([files.certificate, files.key, files.bundle].map(read))
    const blocks = decodePem(certificates!, { labels: ['CERTIFICATE'], maxBytes: MAX_BYTES, maxBlocks: 16 })
    const [certificate = '', ...chain] = blocks.map(({ der }) => encodePem('CERTIFICATE', der))
    return Svid.of({ certificate, chain: chain.join(''), bundle: bundle!, privateKey: createPrivateKey(key!) })
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : ''
    throw new IdentityError('files_invalid', `cannot use ${files.certificate}: ${codeOf(cause)}: ${detail}`, { cause })
  }
}

async function read(path: string): Promise<string> {
  const { size } = await stat(path)
  if (size > MAX_BYTES) throw new TypeError(`expected at most ${MAX_BYTES} bytes, got ${size}`)
  return readFile(path, 'utf8')
}

/** A certificate that somebody else keeps fresh on the disk, such as `lanyard cert request --renew`. */
export class FileSource implements SvidSource {
  readonly #files: SvidFiles
  readonly #time: TimeSource
  readonly #listener: SvidListener
  #cancel: () => void = () => {}
  #stopped = false
  #current: Svid
  #seen = ''
  #reading: Promise<Svid> | null = null
  #failures = 0
  /** Serial number of the certificate whose end was told. */
  #told = ''

  constructor(files: SvidFiles, first: Svid, time: TimeSource, listener: SvidListener) {
    this.#files = files
    this.#current = first
    this.#time = time
    this.#listener = listener
    this.#lookLater()
  }

  renew(): Promise<Svid> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null
    })
    return this.#reading
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  #lookLater(): void {
    if (this.#stopped) return
    this.#cancel = this.#time.after(LOOK_EVERY_MS, () => void this.#look().finally(() => this.#lookLater()))
  }

  /** Reads the files again when they were written since the last time. */
  async #look(): Promise<void> {
    this.#checkEnd()
    const stamp = await this.#stamp()
    if (stamp === this.#seen) return
    await this.renew().then(
      () => {
        this.#seen = stamp
      },
      () => {},
    )
  }

  /** Tells once that whoever keeps the files fresh has stopped. */
  #checkEnd(): void {
    const { serial, notAfter } = this.#current
    if (this.#told === serial || !this.#current.hasEnded(this.#time.now())) return
    this.#told = serial
    const end = new Date(notAfter * 1000).toISOString()
    const error = new IdentityError('identity_expired', `the certificate in ${this.#files.certificate} ended at ${end}`)
    this.#listener.onFailing(error, this.#time.now() + LOOK_EVERY_MS, ++this.#failures)
  }

  async #stamp(): Promise<string> {
    const stats = await Promise.all(Object.values(this.#files).map(path => stat(path).catch(() => null)))
    return stats.map(each => `${each?.ino}:${each?.size}:${each?.mtimeMs}`).join(' ')
  }

  async #read(): Promise<Svid> {
    try {
      const svid = await readSvid(this.#files).catch(async () => {
        await pause(this.#time, SETTLE_MS)
        return readSvid(this.#files)
      })
      if (!svid.id.equals(this.#current.id))
        throw new IdentityError(
          'identity_changed',
          `expected a certificate for ${this.#current.id}, got one for ${svid.id}`,
        )
      this.#failures = 0
      const isNew = svid.serial !== this.#current.serial
      this.#current = svid
      if (isNew) this.#listener.onRenewed(svid)
      return svid
    } catch (cause) {
      const error = asIdentityError(cause)
      if (!this.#stopped) this.#listener.onFailing(error, this.#time.now() + LOOK_EVERY_MS, ++this.#failures)
      throw error
    }
  }
}
