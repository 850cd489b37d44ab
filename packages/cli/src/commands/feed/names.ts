import type { IncidentHead } from '@lanyard/api'
import type { FeedLine } from '@lanyard/protocol'
import type { ApiClient } from '../../client/client.ts'

/** Says of which incidents a line tells, to whoever may know. */
export class IncidentNames {
  readonly #api: ApiClient
  #forbidden = false

  constructor(api: ApiClient) {
    this.#api = api
  }

  /** The incidents whose epochs the line brings, among the newest; none where they cannot be read. */
  async between({ prev, epoch }: Pick<FeedLine, 'prev' | 'epoch'>): Promise<readonly IncidentHead[]> {
    if (this.#forbidden) return []
    try {
      const { items } = await this.#api.call('GET /v1/incidents', { query: { limit: 50 } })
      return items.filter(one => one.epoch > prev && one.epoch <= epoch).reverse()
    } catch {
      // It is only for the reader's ease: the feed goes on without.
      this.#forbidden = true
      return []
    }
  }
}
