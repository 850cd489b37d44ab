/** One row of the catalogue: how a refusal looks over HTTP, and what its reader can do about it. */
export interface ErrorRow {
  readonly status: number
  readonly title: string
  readonly remedy: string
}

/** A row of the catalogue. */
export const row = (status: number, title: string, remedy: string): ErrorRow => ({ status, title, remedy })
