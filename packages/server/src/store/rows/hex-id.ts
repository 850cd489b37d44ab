import { bytesOfHex } from '../encoding.ts'

/** The key of a row by an id of 32 hex digits, as it came in a path; null for what is none, and finds no row. */
export const idOfHex = (id: string): Uint8Array | null => (/^[0-9a-f]{32}$/.test(id) ? bytesOfHex(id) : null)
