import type { Clock, Store, X509Issuer } from '@lanyard/authority'
import { exclusiveAll, isoTime, LIFETIME } from '@lanyard/authority'
import type { Bundle, Certificate, Signer, VerifyKey } from '@lanyard/protocol'
import type { HttpAuthorities, Log, ServerTls } from '../http/ports.ts'
import type { StoreRows } from '../store/ports.ts'
import { type MakingPorts, makeAuthorities } from './authority-making.ts'
import { isAnythingDue, planAuthorities, type Wanted } from './authority-plan.ts'
import { recordAuthorities } from './authority-record.ts'
import { type Certified, type HeldKey, hold, type KeptKey, readAuthority } from './held-key.ts'
import { type KeyRing, type Keys, ringOf, toHold } from './key-ring.ts'
import { isServerTlsDue, makeServerTls, type OwnTls } from './server-tls.ts'

export interface AuthorityPorts extends MakingPorts {
  readonly store: Store
  readonly rows: StoreRows
  readonly clock: Clock
  readonly log: Log
}

/** A key that signs tokens or heads, by its name in their headers. */
export interface NamedSigner {
  readonly kid: string
  readonly signer: Signer
}

/** A key that proves itself by a certificate under the root. */
export interface CertifiedSigner extends NamedSigner {
  readonly certificate: Certificate
}

/**
 * The authorities of the trust domain, as far as this instance signs with them, and the server's own certificate.
 * Everything is committed before it is used. What is given out stays true until {@link rotate} replaces it, so callers
 * ask each time and keep nothing.
 */
export class Authorities implements HttpAuthorities {
  readonly #wanted: Wanted
  readonly #ports: AuthorityPorts
  readonly #listeners: ((tls: ServerTls) => void)[] = []
  #ring: KeyRing
  #tls: OwnTls

  private constructor(wanted: Wanted, ports: AuthorityPorts, ring: KeyRing, tls: OwnTls) {
    this.#wanted = wanted
    this.#ports = ports
    this.#ring = ring
    this.#tls = tls
  }

  /**
   * Loads the authorities, or makes those that are missing or due; `meta` is stored with the first ones. Throws
   * `keys_missing`, `store_damaged`, `store_unavailable`.
   */
  static async open(
    wanted: Wanted,
    meta: Readonly<Record<string, string>>,
    ports: AuthorityPorts,
  ): Promise<Authorities> {
    const stored = await load(wanted, ports)
    const ring = ringOf(wanted, await replaceDue(stored, wanted, meta, ports))
    return new Authorities(wanted, ports, ring, await ownTls(ring, wanted, ports))
  }

  get trustDomain(): string {
    return this.#wanted.trustDomain.name
  }

  bundle(): Bundle {
    return this.#ring.bundle
  }

  roots(): readonly Certificate[] {
    return this.#ring.bundle.x509Authorities
  }

  rootsPem(): string {
    return this.#ring.rootsPem
  }

  agentsIssuer(): X509Issuer {
    return this.#ring.issuer
  }

  async intermediate(keyId: string): Promise<Certificate | null> {
    const { store, rows } = this.#ports
    const known = this.#ring.kept.find(key => key.keyId === keyId)
    // Other instances make theirs at any time.
    const row = known ? undefined : await store.read(() => rows.authorities.find(keyId))
    const key = known ?? (row && readAuthority(row))
    return key?.purpose === 'x509-agents' ? key.certificate : null
  }

  /** Whether what is issued at `at` (Unix ms) would live its longest life: rotation has failed for days otherwise. */
  canIssue(at: number): boolean {
    return Math.floor(at / 1000) + LIFETIME.platinum <= this.#ring.agents.certificate.notAfter
  }

  tokenKeys(): ReadonlyMap<string, VerifyKey> {
    return this.#ring.tokenKeys
  }

  tokenSigner(): NamedSigner {
    return named(this.#ring.token)
  }

  jwksJson(): string {
    return this.#ring.jwksJson
  }

  /** Signs JWT-SVIDs; its public key stands in the bundle. */
  svidSigner(): NamedSigner {
    return named(this.#ring.svid)
  }

  /** Signs WIT-SVIDs; its public key stands in the bundle. */
  witSigner(): NamedSigner {
    return named(this.#ring.wit)
  }

  /** Signs the heads of this instance's event chains, and proves itself by a certificate under the root. */
  eventsSigner(): CertifiedSigner {
    return certified(this.#ring.events)
  }

  /** Signs the lines of the feed that this instance tells. */
  feedSigner(): CertifiedSigner {
    return certified(this.#ring.feed)
  }

  /** Signs receipts. Each instance has its key, all under the ID of the authority. */
  receiptSigner(): CertifiedSigner {
    return certified(this.#ring.receipt)
  }

  serverTls(): ServerTls & { readonly certificate: Certificate } {
    return this.#tls
  }

  /** Calls back with each certificate that takes the place of {@link serverTls}. */
  onServerTls(listener: (tls: ServerTls) => void): void {
    this.#listeners.push(listener)
  }

  /** When the newest key was made, in Unix ms. */
  newestKeyAt(): number {
    return Math.max(...this.#ring.kept.map(({ createdAt }) => createdAt))
  }

  /** 32 bytes for a purpose, the same on every instance. */
  deriveSecret(purpose: string): Uint8Array {
    return this.#ports.keys.deriveSecret(purpose)
  }

  /**
   * Replaces what is due: intermediates at half of their seven days, the server's certificate at half of its day. To be
   * called often and never twice at once; without anything due it costs nothing. What fails leaves all as it was, and
   * the next call tries again.
   */
  async rotate(): Promise<void> {
    const wanted = this.#wanted
    if (isAnythingDue(planAuthorities(this.#ring.kept, wanted, this.#ports.clock.now()))) {
      // Other instances have keys of their own in the same store, and change them when theirs are due.
      const stored = await load(wanted, this.#ports, this.#ring.held)
      this.#ring = ringOf(wanted, await replaceDue(stored, wanted, {}, this.#ports))
    }
    if (!isServerTlsDue(this.#tls, this.#ring.service, this.#ports.clock.now())) return
    this.#tls = await ownTls(this.#ring, wanted, this.#ports)
    for (const listener of this.#listeners) listener(this.#tls)
  }
}

/** What the store knows now, and the keys that sign; those that are open already stay so. */
async function load(wanted: Wanted, ports: AuthorityPorts, open: readonly HeldKey[] = []): Promise<Keys> {
  const rows = await ports.store.read(() => ports.rows.authorities.list({}))
  const kept = rows.map(readAuthority)
  const known = new Map(open.map(key => [key.keyId, key]))
  const held = toHold(kept, wanted.instance).map(key => known.get(key.keyId) ?? hold(key, ports.keys))
  return { kept, held: await Promise.all(held) }
}

/** Makes and stores what is due, or gives back the very same keys when nothing is. */
async function replaceDue(
  keys: Keys,
  wanted: Wanted,
  meta: Readonly<Record<string, string>>,
  ports: AuthorityPorts,
): Promise<Keys> {
  const at = ports.clock.now()
  const plan = planAuthorities(keys.kept, wanted, at)
  const made = await makeAuthorities(plan, keys.kept, wanted, at, ports)
  if (made.length === 0) return keys
  const change = { instance: wanted.instance, seen: keys.kept.length, made, retired: plan.retire, meta, at }
  try {
    await ports.store.write(() => recordAuthorities(ports.rows, change), exclusiveAll)
  } catch (error) {
    await endKeys(made, ports)
    throw error
  }
  for (const key of made) ports.log.info(logged(key), `new ${key.purpose} key`)
  await endKeys(plan.retire, ports)
  return withChange(keys, made, plan.retire)
}

function withChange({ kept, held }: Keys, made: readonly HeldKey[], retired: readonly KeptKey[]): Keys {
  const gone = new Set(retired.map(({ keyId }) => keyId))
  const end = (key: KeptKey): KeptKey =>
    gone.has(key.keyId) ? { ...key, retired: true, handle: new Uint8Array() } : key
  const signing = made.filter(({ purpose }) => purpose !== 'x509-root')
  return {
    kept: [...kept.map(end), ...made.map(withoutSigner)],
    held: [...held.filter(({ keyId }) => !gone.has(keyId)), ...signing],
  }
}

// The root stays in the list of what is kept, and its signer must not stay with it.
const withoutSigner = ({ signer: _, ...kept }: HeldKey): KeptKey => kept

// What is stored counts; a key manager that cannot forget a key now must not undo that.
async function endKeys(keys: readonly KeptKey[], { keys: manager, log }: AuthorityPorts): Promise<void> {
  for (const key of keys) {
    try {
      await manager.destroy(key)
    } catch (error) {
      log.error({ key_id: key.keyId, err: error }, `the ${key.purpose} key could not be destroyed`)
    }
  }
}

async function ownTls(ring: KeyRing, wanted: Wanted, ports: AuthorityPorts): Promise<OwnTls> {
  const tls = await makeServerTls(wanted, ring.service, ring.root, ports.clock.now(), ports)
  const { serialHex, notAfter } = tls.certificate
  ports.log.info(
    { serial: serialHex, not_after: isoTime(notAfter * 1000) },
    "new certificate of this instance's server",
  )
  return tls
}

const named = ({ keyId, signer }: HeldKey): NamedSigner => ({ kid: keyId, signer })
const certified = (key: Certified<HeldKey>): CertifiedSigner => ({ ...named(key), certificate: key.certificate })

const logged = ({ keyId, algorithm, certificate }: HeldKey) => ({
  key_id: keyId,
  algorithm,
  not_after: certificate === null ? null : isoTime(certificate.notAfter * 1000),
})
