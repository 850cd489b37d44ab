import type { Bundle } from '@lanyard/protocol'
import type { Bundles } from '../ports.ts'
import { idOf } from '../workload-api/bundles.ts'
import type { Identities } from '../workload-api/states.ts'

/** Names of secrets that mean whatever is there. */
export interface SdsNames {
  /** The first identity. */
  readonly defaultSvid: string
  /** The bundle of our own trust domain. */
  readonly defaultBundle: string
  /** Our own bundle and the federated ones. */
  readonly allBundles: string
}

export const SDS_NAMES: SdsNames = { defaultSvid: 'default', defaultBundle: 'ROOTCA', allBundles: 'ALL' }

/** What a name stands for. */
export type Meant =
  | { readonly kind: 'svid'; readonly svid: Identities['svids'][number] }
  | { readonly kind: 'bundles'; readonly bundles: readonly Bundle[] }

/** All that a workload may ask for by name: SPIFFE IDs, trust domains, and the names for whatever is there. */
export class Catalog {
  readonly #meant = new Map<string, Meant>()
  readonly #own: readonly string[]

  constructor({ svids, bundles }: Identities, names: SdsNames) {
    // The oldest entry of those with the same SPIFFE ID, which comes first, is the one that is meant.
    for (const svid of svids) this.#add(svid.id.toString(), { kind: 'svid', svid })
    for (const bundle of allOf(bundles)) this.#add(idOf(bundle), { kind: 'bundles', bundles: [bundle] })
    this.#own = [...this.#meant.keys()]
    const [first] = svids
    if (first) this.#add(names.defaultSvid, { kind: 'svid', svid: first })
    this.#add(names.defaultBundle, { kind: 'bundles', bundles: [bundles.own] })
    this.#add(names.allBundles, { kind: 'bundles', bundles: allOf(bundles) })
  }

  /** Each SVID and each bundle under its own name: for who asks for no name in particular. */
  get names(): readonly string[] {
    return this.#own
  }

  /** What a name stands for, or undefined. */
  get(name: string): Meant | undefined {
    return this.#meant.get(name)
  }

  #add(name: string, meant: Meant): void {
    if (!this.#meant.has(name)) this.#meant.set(name, meant)
  }
}

const allOf = ({ own, federated }: Bundles): Bundle[] => [own, ...federated.values()]
