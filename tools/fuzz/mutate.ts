/** Numbers that repeat with their seed (mulberry32): a finding can be had again. */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** A whole number from 0 and below `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * limit)
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }
}

type Mutation = (input: Uint8Array, dice: Dice, other: Uint8Array) => Uint8Array

// Octets at which parsers of DER, base64, JSON and URIs change their mind.
const TELLING = [
  0,
  1,
  0x7f,
  0x80,
  0x81,
  0x82,
  0xff,
  0x02,
  0x03,
  0x04,
  0x05,
  0x06,
  0x30,
  0x31,
  0xa0,
  0xa3,
  ...Buffer.from('\n "{}[]:,\\.=-_/%@'),
]

const MUTATIONS: readonly Mutation[] = [
  (input, dice) => replaced(input, dice, octet => octet ^ (1 << dice.below(8))),
  (input, dice) => replaced(input, dice, () => dice.below(256)),
  (input, dice) => replaced(input, dice, () => dice.pick(TELLING)),
  (input, dice) => replaced(input, dice, octet => octet + dice.pick([1, -1])),
  (input, dice) => input.subarray(0, dice.below(input.length + 1)),
  (input, dice) => spliced(input, dice.below(input.length + 1), 0, Uint8Array.of(dice.pick(TELLING))),
  (input, dice) => spliced(input, dice.below(input.length + 1), 1 + dice.below(4), new Uint8Array()),
  // A piece twice, and a piece of another input in its place.
  (input, dice) => spliced(input, dice.below(input.length + 1), 0, piece(input, dice)),
  (input, dice, other) => spliced(input, dice.below(input.length + 1), dice.below(20), piece(other, dice)),
]

/** `input` with one to four changes; `other` lends pieces. */
export function mutate(input: Uint8Array, other: Uint8Array, dice: Dice): Uint8Array {
  let changed = input
  for (let left = 1 + dice.below(4); left > 0; left--) changed = dice.pick(MUTATIONS)(changed, dice, other)
  return changed
}

function replaced(input: Uint8Array, dice: Dice, change: (octet: number) => number): Uint8Array {
  if (input.length === 0) return input
  const place = dice.below(input.length)
  return input.with(place, change(input[place]!))
}

function piece(input: Uint8Array, dice: Dice): Uint8Array {
  const start = dice.below(input.length + 1)
  return input.subarray(start, start + dice.below(40))
}

function spliced(input: Uint8Array, place: number, remove: number, insert: Uint8Array): Uint8Array {
  const changed = new Uint8Array(place + insert.length + Math.max(0, input.length - place - remove))
  changed.set(input.subarray(0, place))
  changed.set(insert, place)
  changed.set(input.subarray(place + remove), place + insert.length)
  return changed
}
