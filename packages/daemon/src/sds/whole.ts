import { create } from '@bufbuild/protobuf'
import {
  type DiscoveryRequest,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from '../../gen/envoy/service/discovery/v3/discovery_pb.js'
import { invalidError } from '../grpc/refusal.ts'
import type { Identities } from '../workload-api/states.ts'
import { Catalog, type SdsNames } from './names.ts'
import { hasSpiffeValidator, SECRET_TYPE, type Written, writeSecret } from './secrets.ts'
import { newNonce, requireFew, type SdsStream } from './stream.ts'

/** A stream of xDS in which each response holds the whole of what was asked for: "state of the world". */
export class WholeStream implements SdsStream<DiscoveryRequest, DiscoveryResponse> {
  readonly #names: SdsNames
  /** Of the node that the client says it is, which may be large, this is all that is kept. */
  #hasValidator = hasSpiffeValidator(undefined)
  /** Null: nothing was asked for so far. */
  #asked: readonly string[] | null = null
  #state: Identities | null = null
  #nonce = ''
  #version = 0
  #sent = ''

  constructor(names: SdsNames) {
    this.#names = names
  }

  asked(request: DiscoveryRequest): DiscoveryResponse | null {
    // Sent in the first request only.
    if (request.node) this.#hasValidator = hasSpiffeValidator(request.node)
    const isAnswer = request.responseNonce !== ''
    // An answer to an older response: the one to the newest is on its way, with the names of then.
    if (isAnswer && request.responseNonce !== this.#nonce) return null
    requireFew(request.resourceNames)
    const before = this.#asked
    this.#asked = [...new Set(request.resourceNames)]
    if (isAnswer && before !== null && isSame(before, this.#asked)) return null
    return this.#respond()
  }

  changed(state: Identities): DiscoveryResponse | null {
    this.#state = state
    const before = this.#sent
    const written = this.#written()
    if (written === null || versionsOf(written) === before) return null
    return this.#response(written)
  }

  /** This kind of stream has no words for that something is gone. */
  withdrawn(): null {
    return null
  }

  #respond(): DiscoveryResponse | null {
    const written = this.#written()
    return written === null ? null : this.#response(written)
  }

  #written(): readonly Written[] | null {
    if (this.#asked === null || this.#state === null) return null
    const catalog = new Catalog(this.#state, this.#names)
    const names = this.#asked.length === 0 ? catalog.names : this.#asked
    return names.map(name => {
      const meant = catalog.get(name)
      if (!meant) throw invalidError('no_identity', 'workload is not authorized for the requested identities')
      return writeSecret(name, meant, this.#hasValidator)
    })
  }

  #response(written: readonly Written[]): DiscoveryResponse {
    this.#nonce = newNonce()
    this.#sent = versionsOf(written)
    this.#version++
    return create(DiscoveryResponseSchema, {
      versionInfo: String(this.#version),
      typeUrl: SECRET_TYPE,
      nonce: this.#nonce,
      resources: written.map(({ resource }) => resource),
    })
  }
}

const versionsOf = (written: readonly Written[]): string =>
  written.map(({ name, version }) => `${name} ${version}`).join('\n')

const isSame = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every(name => b.includes(name))
