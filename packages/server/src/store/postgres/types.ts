import type { CustomTypesConfig } from 'pg'

/** How columns of ours come back, by the OID of their type: select oid, typname from pg_type. */
const PARSERS = new Map<number, (text: string) => unknown>([
  [16, text => text === 't'], // bool
  [17, bytesOf], // bytea
  [20, Number], // int8: times and counts, all below 2^53
  [21, Number], // int2
  [23, Number], // int4
  [701, Number], // float8
  [1700, Number], // numeric, which sums of int8 are
])

export const types = {
  getTypeParser: (oid: number) => PARSERS.get(oid) ?? ((text: string) => text),
} as CustomTypesConfig

// `\x` and hex: https://www.postgresql.org/docs/current/datatype-binary.html
function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.slice(2), 'hex'))
}
