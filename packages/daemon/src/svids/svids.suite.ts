import { randomBytes } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NodeEntry } from '@lanyard/api'
import { type Credential, decodePem, encodePem, parseCsr, SpiffeId, toHex } from '@lanyard/protocol'
import { generateKey } from '@lanyard/protocol/node'
import { AuthorityClock } from '../authority/clock.ts'
import type { Judge } from '../authority/feed.ts'
import { PrivateFolder } from '../disk/private-folder.ts'
import { FakeTime, FakeTrustDomain, noLog, noMeter } from '../testing/index.ts'
import type { IssuedSvid } from './held.ts'
import { SvidManager } from './manager.ts'
import type { Renews } from './ports.ts'

let count = 0

/** An entry that nobody else has. */
export function entryOf(wish: Partial<NodeEntry> = {}): NodeEntry {
  const agent = `agent-${++count}`
  return {
    id: toHex(randomBytes(16)),
    revision: count,
    tenant: 'acme',
    agent,
    spiffe_id: `spiffe://example.org/tenant/acme/agent/${agent}`,
    selectors: [`unix:uid:${1000 + count}`],
    x509_ttl_sec: null,
    jwt_ttl_sec: null,
    hint: null,
    federates_with: [],
    expires_at: null,
    children: false,
    replicas: 1,
    key_policy: 'modern',
    created_at: new Date(1e12 + count).toISOString(),
    ...wish,
  }
}

interface Asked {
  readonly entry: string
  readonly spki: string
  readonly renews: Renews | null
}

/** SVIDs of a fake authority, by hand-driven time. */
export class SvidWorld {
  readonly time = new FakeTime(Date.UTC(2026, 10, 21))
  readonly ca = new FakeTrustDomain('example.org', () => this.time.now())
  readonly clock = new AuthorityClock(this.time)
  readonly entries = new Map<string, NodeEntry>()
  readonly asked: Asked[] = []
  readonly changed: string[] = []
  readonly folder: PrivateFolder
  /** What of a credential is dead. */
  dead: (credential: Credential) => ReturnType<Judge> = () => 'alive'
  /** What the authority answers with instead. */
  refusal: Error | null = null
  ttlSec = 300
  onAsked = (_renews: Renews | null) => {}
  onChanged = (_entry: string) => {}
  manager: SvidManager

  constructor() {
    this.folder = PrivateFolder.open(mkdtempSync(join(tmpdir(), 'svids-')))
    this.manager = this.#open()
  }

  add(wish: Partial<NodeEntry> = {}): NodeEntry {
    const entry = entryOf(wish)
    this.entries.set(entry.id, entry)
    return entry
  }

  /** As a process does that starts on the same folder. */
  restart(): void {
    this.manager.stop()
    this.manager = this.#open()
    this.manager.restore()
  }

  #open(): SvidManager {
    return new SvidManager({
      time: this.time,
      clock: this.clock,
      random: () => 0,
      log: noLog,
      meter: noMeter,
      folder: this.folder,
      entry: id => this.entries.get(id),
      bundle: () => this.ca.bundle,
      takeKey: () => generateKey('P-256'),
      issue: async (entry, csr, renews) => this.#issue(entry, csr, renews),
      judge: credential => this.dead(credential),
      changed: entry => {
        this.changed.push(entry)
        this.onChanged(entry)
      },
    })
  }

  #issue(id: string, csr: string, renews: Renews | null): IssuedSvid {
    const { publicKey } = parseCsr(decodePem(csr, { labels: ['CERTIFICATE REQUEST'] })[0]!.der)
    this.asked.push({ entry: id, spki: toHex(publicKey.der), renews })
    if (this.refusal !== null) throw this.refusal
    this.onAsked(renews)
    const entry = this.entries.get(id)!
    const lineage = renews?.lineage ?? toHex(randomBytes(16))
    const leaf = this.ca.certify(publicKey.der, SpiffeId.parse(entry.spiffe_id), { ttlSec: this.ttlSec, lineage })
    return {
      certificate: encodePem('CERTIFICATE', leaf.der),
      chain: encodePem('CERTIFICATE', this.ca.issuer.der),
      spiffe_id: entry.spiffe_id,
      lineage,
      incarnation: 1,
      renew_after: new Date(this.time.now() + (this.ttlSec * 1000) / 2).toISOString(),
    }
  }
}
