import { spawn } from 'node:child_process'
import { LanyardError, type NodeEntry } from '@lanyard/api'
import type { Assembly } from '../assembly.ts'
import { byAge } from '../attest/index.ts'
import { asLanyardError } from '../authority/codes.ts'
import type { DeliverySetting } from '../config.ts'
import type { Bundles, HeldSvid, Log, Meter, Time } from '../ports.ts'
import { bundlesFor, bundlesKey } from '../workloads/state.ts'
import { areWritten, removeFiles, writeFiles } from './files.ts'

export interface DeliveryPorts {
  readonly settings: readonly DeliverySetting[]
  readonly assembly: Assembly
  readonly log: Log
  readonly meter: Meter
  readonly time: Time
}

/** How long a reload command may take. */
const RELOAD_MS = 30_000

/** Keeps files for programs that know nothing of SPIFFE. Whoever wrote the settings says who gets what: nobody is attested here. */
export function startDelivery(ports: DeliveryPorts): { stop(): void } {
  const { assembly, settings } = ports
  const deliveries = settings.map(setting => new Delivery(setting, ports))
  const off = assembly.onChange(() => {
    for (const delivery of deliveries) delivery.look()
  })
  for (const delivery of deliveries) delivery.look()
  return {
    stop() {
      off()
      for (const delivery of deliveries) delivery.stop()
    },
  }
}

/** The files of one entry in one folder. */
class Delivery {
  readonly #setting: DeliverySetting
  readonly #ports: DeliveryPorts
  #release: (() => void) | null = null
  #entry: string | null = null
  #written: string | null = null
  #reloading: Promise<void> | null = null
  #reloadAgain = false

  constructor(setting: DeliverySetting, ports: DeliveryPorts) {
    this.#setting = setting
    this.#ports = ports
  }

  /** Looks whether the files are to be others. */
  look(): void {
    const { svids, node } = this.#ports.assembly
    const entry = this.#find()
    this.#want(entry)
    const slot = entry === null ? null : svids.stateOf(entry.id)
    const { bundles } = node.catalogue
    if (entry !== null && slot?.kind === 'svid' && bundles !== null)
      this.#write(slot.svid, bundlesFor([entry], bundles))
    // Pending: the next one comes at once. Unavailable: what is there may still be good.
    else if (entry === null ? node.catalogue.whole || node.keeper.failure !== null : slot?.kind === 'refused')
      this.#withdraw()
  }

  stop(): void {
    this.#release?.()
  }

  /** The entry by its id, or the oldest one that gives the SPIFFE ID. */
  #find(): NodeEntry | null {
    const { entries } = this.#ports.assembly.node.catalogue
    const named = entries.get(this.#setting.entry)
    if (named !== undefined) return named
    const same = [...entries.values()].filter(({ spiffe_id }) => spiffe_id === this.#setting.entry)
    return same.sort(byAge)[0] ?? null
  }

  #want(entry: NodeEntry | null): void {
    if (this.#entry === (entry?.id ?? null)) return
    this.#release?.()
    this.#entry = entry?.id ?? null
    this.#release = entry === null ? null : this.#ports.assembly.svids.follow(entry)
  }

  #write(svid: HeldSvid, bundles: Bundles): void {
    const key = `${svid.serial}|${bundlesKey(bundles)}`
    if (key === this.#written) return
    // Of before a restart: whoever reads them has read them.
    const same = this.#written === null && areWritten(this.#setting.folder, svid, bundles)
    this.#try(() => writeFiles(this.#setting, svid, bundles)) && this.#changed(key, same)
  }

  #withdraw(): void {
    if (this.#written === '') return
    this.#try(() => removeFiles(this.#setting.folder)) && this.#changed('', this.#written === null)
  }

  #try(act: () => void): boolean {
    const { log, meter } = this.#ports
    const { folder } = this.#setting
    try {
      act()
      meter.count('deliveries', { result: 'ok' })
      return true
    } catch (error) {
      const { code, message } = asLanyardError(error)
      meter.count('deliveries', { result: code })
      log.error({ code, folder }, `cannot deliver: ${message}`)
      return false
    }
  }

  #changed(key: string, quietly: boolean): void {
    this.#written = key
    this.#ports.log.info({ folder: this.#setting.folder, withdrawn: key === '' }, 'delivered')
    // At the start there may be nothing to take away, and nobody to tell.
    if (!quietly) this.#reload()
  }

  #reload(): void {
    const { reload } = this.#setting
    if (reload === null) return
    this.#reloadAgain = this.#reloading !== null
    this.#reloading ??= run(reload, this.#ports)
      .catch(error => this.#ports.log.error({ code: asLanyardError(error).code }, (error as Error).message))
      .finally(() => {
        this.#reloading = null
        if (this.#reloadAgain) this.#reload()
      })
  }
}

/** Runs a reload command, without a shell and with nothing of our environment but PATH. Throws `reload_failed`. */
function run([program, ...args]: readonly string[], { time }: DeliveryPorts): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (why: string) => reject(new LanyardError('reload_failed', `${program}: ${why}`))
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }
    const child = spawn(program!, args, { cwd: '/', env, stdio: 'ignore' })
    const cancel = time.after(RELOAD_MS, () => child.kill('SIGKILL'))
    child.on('error', error => failed(error.message))
    child.on('close', (code, signal) => {
      cancel()
      if (code === 0) resolve()
      else failed(`ended with ${signal ?? code}`)
    })
  })
}
