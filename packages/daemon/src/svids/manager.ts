import type { NodeEntry } from '@lanyard/api'
import { asLanyardError } from '../authority/codes.ts'
import type { PrivateFolder } from '../disk/private-folder.ts'
import type { HeldSvid, Log } from '../ports.ts'
import { fromText, type Kept, toText } from './held.ts'
import type { SlotPorts, SlotState } from './ports.ts'
import { Slot } from './slot.ts'
import { Turns } from './turns.ts'

/** How many certificates are asked for at once; others wait their turn. */
const AT_ONCE = 32

export interface ManagerPorts extends Omit<SlotPorts, 'store' | 'forget'> {
  readonly log: Log
  readonly folder: PrivateFolder
  readonly entry: (id: string) => NodeEntry | undefined
}

/** The SVIDs of this node: one for each entry that somebody asked for, shared by all its processes. */
export class SvidManager {
  readonly #ports: ManagerPorts
  readonly #slots = new Map<string, Slot>()
  readonly #slotPorts: SlotPorts

  constructor(ports: ManagerPorts) {
    this.#ports = ports
    const turns = new Turns(AT_ONCE)
    this.#slotPorts = {
      ...ports,
      issue: (entry, csr, renews) => turns.take(() => ports.issue(entry, csr, renews)),
      store: kept => this.#store(kept),
      forget: entry => this.#remove(fileOf(entry)),
    }
  }

  get slots(): Iterable<Slot> {
    return this.#slots.values()
  }

  /** Those held at this moment. */
  get held(): HeldSvid[] {
    return [...this.#slots.values()].flatMap(({ svid }) => (svid === null ? [] : [svid]))
  }

  /** Takes up what an earlier process left on the disk. */
  restore(): void {
    const { folder, entry, log, clock } = this.#ports
    const own = this.#ports.bundle()
    for (const name of folder.names()) {
      const text = folder.read(name)
      try {
        const kept = own === null || text === null ? null : fromText(text, own)
        const known = kept === null ? undefined : entry(kept.svid.entry.id)
        const lives = kept !== null && clock.now() < (kept.svid.notAfter + 1) * 1000
        if (known !== undefined && lives && known.spiffe_id === kept.svid.id.toString()) this.#slot(known).restore(kept)
        else this.#remove(name)
      } catch (error) {
        log.warn({ code: asLanyardError(error).code }, 'an SVID on the disk cannot be used')
        this.#remove(name)
      }
    }
  }

  /** How an entry stands. */
  stateOf(entry: string): SlotState {
    return this.#slots.get(entry)?.state ?? { kind: 'pending' }
  }

  /** When the SVID of an entry came, by the steady clock; infinite where there is none. */
  since(entry: string): number {
    return this.#slots.get(entry)?.since ?? Number.POSITIVE_INFINITY
  }

  /** Wants the SVID of an entry until what comes back is called. */
  follow(entry: NodeEntry): () => void {
    return this.#slot(entry).follow()
  }

  /** Wants it once. */
  ask(entry: NodeEntry): void {
    this.#slot(entry).ask()
  }

  /** Entries have changed, or are no more. */
  entriesChanged(changed: readonly NodeEntry[], removed: readonly string[]): void {
    for (const id of removed) {
      this.#slots.get(id)?.end()
      this.#slots.delete(id)
    }
    for (const entry of changed) this.#slots.get(entry.id)?.change(entry)
  }

  /** Deaths were heard. */
  judge(): void {
    for (const slot of [...this.#slots.values()]) slot.judge()
  }

  /** What was refused may be given now. */
  again(): void {
    for (const slot of [...this.#slots.values()]) slot.again()
  }

  stop(): void {
    for (const slot of this.#slots.values()) slot.stop()
  }

  #slot(entry: NodeEntry): Slot {
    let slot = this.#slots.get(entry.id)
    if (slot === undefined) {
      slot = new Slot(entry, this.#slotPorts)
      this.#slots.set(entry.id, slot)
    }
    return slot
  }

  /** A disk that cannot be written must not keep a death from whoever follows, nor from the slots behind this one. */
  #remove(name: string): void {
    try {
      this.#ports.folder.remove(name)
    } catch (error) {
      this.#ports.log.error(
        { name, reason: (error as Error).message },
        'an SVID that counts no longer is still on disk',
      )
    }
  }

  #store(kept: Kept): void {
    try {
      this.#ports.folder.write(fileOf(kept.svid.entry.id), toText(kept))
    } catch (error) {
      // It serves from memory; a restart in an outage would miss it.
      this.#ports.log.error({ code: asLanyardError(error).code }, 'an SVID is not on disk')
    }
  }
}

const fileOf = (entry: string) => `${entry.replace(/[^0-9a-zA-Z_-]/g, '_')}.json`
