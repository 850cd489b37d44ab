/** Identifier octets (X.690, 8.1.2) of the types that certificates and keys are made of. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

/** `[number]` around another value, or in place of a SEQUENCE or SET. */
export const contextConstructed = (number: number): number => 0xa0 | number

/** `[number]` in place of a type that is not built of others. */
export const contextPrimitive = (number: number): number => 0x80 | number

/** A tag for a message, such as `0x30`. */
export const showTag = (tag: number): string => `0x${tag.toString(16).padStart(2, '0')}`
