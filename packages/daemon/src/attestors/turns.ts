/**
 * One thing at a time for each user. Files that a user serves himself (FUSE) may never answer, and large ones take their time:
 * so each holds one thread at most, and others do not wait.
 */
export class Turns {
  readonly #last = new Map<number, Promise<void>>()

  /** Does `work` when all that was asked for this uid before is done. */
  take<T>(uid: number, work: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(uid) ?? Promise.resolve()).then(work)
    const done = turn.then(
      () => {},
      () => {},
    )
    this.#last.set(uid, done)
    void done.then(() => this.#last.get(uid) === done && this.#last.delete(uid))
    return turn
  }
}
