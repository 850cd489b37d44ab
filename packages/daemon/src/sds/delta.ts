import { create } from '@bufbuild/protobuf'
import {
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from '../../gen/envoy/service/discovery/v3/discovery_pb.js'
import type { Identities } from '../workload-api/states.ts'
import { Catalog, type SdsNames } from './names.ts'
import { hasSpiffeValidator, SECRET_TYPE, type Written, writeSecret } from './secrets.ts'
import { newNonce, requireFew, type SdsStream } from './stream.ts'

/** The name that means all names. */
const WILDCARD = '*'
/** Ours are shorter; what is longer is none of ours. */
const LONGEST_VERSION = 64

/** A stream of xDS in which each response holds what is new and what is gone. */
export class DeltaStream implements SdsStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse> {
  readonly #names: SdsNames
  readonly #asked = new Set<string>()
  /** What the client has: version by name. A name that it was told is gone has an empty version. */
  readonly #known = new Map<string, string>()
  /** Of the node that the client says it is, which may be large, this is all that is kept. */
  #hasValidator = hasSpiffeValidator(undefined)
  #state: Identities | null = null
  #version = 0
  #isFirst = true

  constructor(names: SdsNames) {
    this.#names = names
  }

  asked(request: DeltaDiscoveryRequest): DeltaDiscoveryResponse | null {
    if (request.node) this.#hasValidator = hasSpiffeValidator(request.node)
    if (this.#isFirst) this.#begin(request)
    this.#isFirst = false
    for (const name of request.resourceNamesUnsubscribe) {
      this.#asked.delete(name)
      this.#known.delete(name)
    }
    for (const name of request.resourceNamesSubscribe) {
      // Who asks for a name again has lost what it had.
      if (this.#asked.has(name)) this.#known.delete(name)
      this.#asked.add(name)
    }
    requireFew(this.#asked)
    requireFew(this.#known.keys())
    return this.#response()
  }

  changed(state: Identities): DeltaDiscoveryResponse | null {
    this.#state = state
    return this.#response()
  }

  withdrawn(): DeltaDiscoveryResponse | null {
    const gone = [...this.#known].filter(([, version]) => version !== '').map(([name]) => name)
    return gone.length === 0 ? null : this.#written([], gone)
  }

  #begin({ resourceNamesSubscribe, initialResourceVersions }: DeltaDiscoveryRequest): void {
    // Asking for nothing at first means everything.
    if (resourceNamesSubscribe.length === 0) this.#asked.add(WILDCARD)
    for (const [name, version] of Object.entries(initialResourceVersions))
      this.#known.set(name, version.slice(0, LONGEST_VERSION))
  }

  #response(): DeltaDiscoveryResponse | null {
    if (this.#state === null) return null
    const catalog = new Catalog(this.#state, this.#names)
    const wanted = this.#wanted(catalog)
    const fresh = this.#fresh(catalog, wanted)
    const gone = this.#gone(catalog, wanted)
    if (fresh.length === 0 && gone.length === 0) return null
    for (const { name, version } of fresh) this.#known.set(name, version)
    for (const name of gone) this.#known.set(name, '')
    return this.#written(fresh, gone)
  }

  #wanted(catalog: Catalog): Set<string> {
    const wanted = new Set(this.#asked)
    if (wanted.delete(WILDCARD)) for (const name of catalog.names) wanted.add(name)
    return wanted
  }

  #fresh(catalog: Catalog, wanted: ReadonlySet<string>): Written[] {
    return [...wanted].flatMap(name => {
      const meant = catalog.get(name)
      if (!meant) return []
      const written = writeSecret(name, meant, this.#hasValidator)
      return written.version === this.#known.get(name) ? [] : [written]
    })
  }

  /** Names that the client asked for or has, and that stand for nothing: it is told once. */
  #gone(catalog: Catalog, wanted: ReadonlySet<string>): string[] {
    return [...new Set([...wanted, ...this.#known.keys()])].filter(
      name => catalog.get(name) === undefined && this.#known.get(name) !== '',
    )
  }

  #written(fresh: readonly Written[], gone: readonly string[]): DeltaDiscoveryResponse {
    this.#version++
    return create(DeltaDiscoveryResponseSchema, {
      systemVersionInfo: String(this.#version),
      typeUrl: SECRET_TYPE,
      nonce: newNonce(),
      resources: fresh.map(({ name, resource, version }) => ({ name, resource, version })),
      removedResources: [...gone],
    })
  }
}
