type Source<T> = (signal: AbortSignal) => AsyncIterable<T>

/** What came, and from which of the two. */
export type Came<A, B> = { readonly from: 'first'; readonly value: A } | { readonly from: 'second'; readonly value: B }

/**
 * What comes from two sources, as it comes, until one of them ends or fails. Of each the next is asked for when the one
 * before was dealt with, so neither can heap up. Both are told by their signal to stop.
 */
export async function* interleave<A, B>(
  signal: AbortSignal,
  first: Source<A>,
  second: Source<B>,
): AsyncGenerator<Came<A, B>> {
  const over = new AbortController()
  const both = AbortSignal.any([signal, over.signal])
  const inbox = new Inbox<Came<A, B>>()
  const sources = [
    inbox.pull(first(both), value => ({ from: 'first', value })),
    inbox.pull(second(both), value => ({ from: 'second', value })),
  ]
  for (const { next } of sources) next()
  try {
    for (;;) {
      const { value, next } = await inbox.next()
      if (value === null) return
      yield value
      next()
    }
  } finally {
    over.abort()
    // Not waited for: a source that waits ends by the signal, one that does not would never hear of it.
    for (const { stop } of sources) stop()
  }
}

interface Pull {
  /** Asks the source for its next. */
  readonly next: () => void
  readonly stop: () => void
}

interface Item<T> {
  /** Null: that source has ended. */
  readonly value: T | null
  /** Asks its source for the next. */
  readonly next: () => void
}

class Inbox<T> {
  readonly #items: (Item<T> | { readonly failure: unknown })[] = []
  #wake: () => void = () => {}

  /** Takes from `source` what is asked for. */
  pull<V>(source: AsyncIterable<V>, made: (value: V) => T): Pull {
    const iterator = source[Symbol.asyncIterator]()
    const next = () => {
      iterator.next().then(
        ({ done, value }) => this.#put({ value: done ? null : made(value), next }),
        failure => this.#put({ failure }),
      )
    }
    return { next, stop: () => void iterator.return?.().catch(() => {}) }
  }

  async next(): Promise<Item<T>> {
    while (this.#items.length === 0) await new Promise<void>(resolve => (this.#wake = resolve))
    const item = this.#items.shift()!
    if ('failure' in item) throw item.failure
    return item
  }

  #put(item: Item<T> | { readonly failure: unknown }): void {
    this.#items.push(item)
    this.#wake()
  }
}
