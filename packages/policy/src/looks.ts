import { parseIpAddress } from '@lanyard/protocol'

/** A value that policies compare with what stands in them; an address as its octets. */
export type Plain = string | number | boolean | Uint8Array

/** What one comparison says of a value. It is asked of values of every kind: those of another one are all alike to it. */
export type Comparison = (value: Plain) => boolean

/** What policies can tell of an attribute's value: all of it, or no more than what these comparisons say. */
export type Look = 'whole' | readonly Comparison[]

/** A comparison of an attribute with a literal. */
export interface Compared {
  readonly access: Access
  readonly comparison: Comparison
}

/** An attribute of something. */
export interface Access {
  readonly '.': { readonly left: unknown; readonly attr: string }
}

type Node = { readonly [key: string]: unknown }
type Literal = string | number | boolean

/** The comparison that a node of a policy is, in the form that the engine gives it; undefined where it is none of these. */
export function comparedIn(node: Node): Compared | undefined {
  const [name, ...others] = Object.keys(node)
  const operands = name === undefined || others.length > 0 ? undefined : node[name]
  if (Array.isArray(operands)) return aboutAddress(name!, operands)
  if (typeof operands !== 'object' || operands === null) return undefined
  const { left, right, pattern } = operands as Node
  if (name === 'like') return likened(left, pattern)
  if (name === 'contains') return amongLiterals(left, right)
  return ordered(name!, left, right)
}

type Order = (value: Plain, literal: Literal) => boolean

const EQUAL: Order = (value, literal) => value === literal
const LESS = ofNumbers((value, literal) => value < literal)
const NOT_MORE = ofNumbers((value, literal) => value <= literal)
const MORE = ofNumbers((value, literal) => value > literal)
const NOT_LESS = ofNumbers((value, literal) => value >= literal)

function ofNumbers(order: (value: number, literal: number) => boolean): Order {
  return (value, literal) => typeof value === 'number' && typeof literal === 'number' && order(value, literal)
}

/** With the attribute on the left, and on the right. */
const ORDERS: ReadonlyMap<string, readonly [Order, Order]> = new Map([
  ['==', [EQUAL, EQUAL]],
  ['!=', [EQUAL, EQUAL]],
  ['<', [LESS, MORE]],
  ['<=', [NOT_MORE, NOT_LESS]],
  ['>', [MORE, LESS]],
  ['>=', [NOT_LESS, NOT_MORE]],
])

function ordered(name: string, left: unknown, right: unknown): Compared | undefined {
  const mirrored = !isAccess(left)
  const [access, literal] = mirrored ? [right, literalOf(left)] : [left, literalOf(right)]
  const order = ORDERS.get(name)?.[mirrored ? 1 : 0]
  if (order === undefined || literal === undefined || !isAccess(access)) return undefined
  return { access, comparison: value => order(value, literal) }
}

function amongLiterals(set: unknown, access: unknown): Compared | undefined {
  const members = (set as Node | undefined)?.Set
  if (!Array.isArray(members) || !isAccess(access)) return undefined
  const literals = new Set<Plain | undefined>(members.map(literalOf))
  return literals.has(undefined) ? undefined : { access, comparison: value => literals.has(value) }
}

/** A beginning and an end around one `*`. More of them are for the engine: what they cost is counted elsewhere. */
function likened(access: unknown, pattern: unknown): Compared | undefined {
  if (!Array.isArray(pattern) || !isAccess(access)) return undefined
  const parts = pattern.map(part => (part === 'Wildcard' ? null : (part as Node).Literal))
  const star = parts.indexOf(null)
  if (star < 0 || star !== parts.lastIndexOf(null) || !parts.every(part => part === null || typeof part === 'string'))
    return undefined
  const [start, end] = [parts.slice(0, star).join(''), parts.slice(star + 1).join('')]
  const least = start.length + end.length
  const comparison: Comparison = value =>
    typeof value === 'string' && value.length >= least && value.startsWith(start) && value.endsWith(end)
  return { access, comparison }
}

const LOOPBACK = [networkOf('127.0.0.0/8')!, networkOf('::1/128')!]

function aboutAddress(name: string, [access, range]: readonly unknown[]): Compared | undefined {
  if (!isAccess(access)) return undefined
  const networks = name === 'isLoopback' ? LOOPBACK : name === 'isInRange' ? literalNetwork(range) : null
  if (networks === null) return undefined
  return {
    access,
    comparison: value => typeof value === 'object' && networks.some(network => isWithin(value, network)),
  }
}

interface Network {
  readonly octets: Uint8Array
  readonly bits: number
}

function literalNetwork(range: unknown): readonly Network[] | null {
  const [literal] = [(range as Node | undefined)?.ip].flat()
  const text = literalOf(literal)
  const network = typeof text === 'string' ? networkOf(text) : null
  return network === null ? null : [network]
}

/** Null for what the engine may read in another way, or not at all. */
function networkOf(text: string): Network | null {
  const [address = '', length, ...more] = text.split('/')
  const octets = octetsOf(address)
  if (octets === null || more.length > 0) return null
  if (length === undefined) return { octets, bits: octets.length * 8 }
  const bits = /^(?:0|[1-9]\d{0,2})$/.test(length) ? Number(length) : Number.POSITIVE_INFINITY
  return bits <= octets.length * 8 ? { octets, bits } : null
}

/** The octets of an address that the engine reads alike: it takes none that is half in decimals. */
export function octetsOf(address: string): Uint8Array | null {
  return address.includes(':') && address.includes('.') ? null : parseIpAddress(address)
}

const isWithin = (address: Uint8Array, { octets, bits }: Network): boolean =>
  address.length === octets.length &&
  octets.every((octet, at) => {
    const rest = Math.min(8, Math.max(0, bits - at * 8))
    return (octet ^ address[at]!) >> (8 - rest) === 0
  })

/** Numbers beyond those that are exact here are not what stood in the policy. */
function literalOf(node: unknown): Literal | undefined {
  if (typeof node !== 'object' || node === null) return undefined
  const { Value: value } = node as Node
  if (typeof value === 'string' || typeof value === 'boolean') return value
  return Number.isSafeInteger(value) ? (value as number) : undefined
}

const isAccess = (node: unknown): node is Access =>
  typeof node === 'object' && node !== null && '.' in node && typeof (node as Access)['.'].attr === 'string'
