import { BoundedMap, type Credential, type Deaths, type IdTemplate, type Subject } from '@lanyard/protocol'
import type { Ward } from '../mtls/session.ts'

/** Names of those who have left, remembered at most. */
const MAX_LEFT = 4_096

interface Entry {
  readonly credential: Credential
  readonly subjects: readonly Subject[]
}

/** What is guarded, by everything whose death would end it. */
export class Register {
  readonly #deaths: Deaths
  readonly #entries = new Map<Ward, Entry>()
  readonly #bySubject = new Map<Subject, Set<Ward>>()
  /** When somebody who has left was last let in, by the same names. */
  readonly #left = new BoundedMap<Subject, number>(MAX_LEFT)
  #template = ''

  constructor(deaths: Deaths) {
    this.#deaths = deaths
  }

  get size(): number {
    return this.#entries.size
  }

  [Symbol.iterator](): IterableIterator<Ward> {
    return this.#entries.keys()
  }

  /** Hashes once, for as long as it lasts. */
  add(ward: Ward, template: IdTemplate | null): void {
    if (`${template}` !== this.#template) this.#read(template)
    const credential = inTenant(ward, template)
    const subjects = this.#deaths.subjectsOf(credential)
    this.#entries.set(ward, { credential, subjects })
    for (const subject of subjects) {
      const wards = this.#bySubject.get(subject)
      if (wards) wards.add(ward)
      else this.#bySubject.set(subject, new Set([ward]))
    }
  }

  /** It has ended by itself. */
  left(ward: Ward): void {
    if (ward.lastAccept > 0)
      for (const subject of this.#entries.get(ward)?.subjects ?? []) this.#left.set(subject, ward.lastAccept)
    this.delete(ward)
  }

  /** When somebody whom these subjects concern was last let in on a connection that is no more; null: not that it is known. */
  lastLeft(subjects: readonly Subject[]): number | null {
    const known = subjects.map(subject => this.#left.get(subject)).filter(at => at !== undefined)
    return known.length === 0 ? null : Math.max(...known)
  }

  delete(ward: Ward): void {
    for (const subject of this.#entries.get(ward)?.subjects ?? []) {
      const wards = this.#bySubject.get(subject)
      wards?.delete(ward)
      if (wards?.size === 0) this.#bySubject.delete(subject)
    }
    this.#entries.delete(ward)
  }

  /** Those who have died: among those whom these subjects concern, or among all. Whoever is known to be dead is not named again. */
  dead(subjects: readonly Subject[] | 'all', template: IdTemplate | null): Ward[] {
    if (`${template}` !== this.#template) this.#read(template)
    const dead: Ward[] = []
    for (const ward of subjects === 'all' ? this : this.#concerned(subjects)) {
      if (ward.dead !== null) continue
      this.judge(ward)
      if (ward.dead !== null) dead.push(ward)
    }
    return dead
  }

  /** Notes on it what of its identity is dead. */
  judge(ward: Ward): void {
    const verdict = this.#deaths.judge(this.#entries.get(ward)?.credential ?? ward.credential)
    ward.dead = verdict === 'alive' ? null : verdict
  }

  #concerned(subjects: readonly Subject[]): Set<Ward> {
    const wards = new Set<Ward>()
    for (const subject of subjects) for (const ward of this.#bySubject.get(subject) ?? []) wards.add(ward)
    return wards
  }

  /** From now on IDs are read in another way: those that are there too. */
  #read(template: IdTemplate | null): void {
    this.#template = `${template}`
    const wards = [...this.#entries.keys()]
    for (const ward of wards) this.delete(ward)
    for (const ward of wards) this.add(ward, template)
  }
}

const inTenant = ({ credential, peer }: Ward, template: IdTemplate | null): Credential => ({
  ...credential,
  tenant: template?.namesIn(peer.id)?.tenant ?? null,
})
