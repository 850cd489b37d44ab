import type { PolicyJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs'
import { inValue } from './entities.ts'
import { type Compared, type Comparison, comparedIn, type Look } from './looks.ts'

/** What policies speak of, gathered from all of them: what they do not speak of, they cannot see. */
export interface Mentions {
  /** Entities that stand in them. */
  readonly entities: readonly TypeAndId[]
  /** How they look at attributes, by name, of whatever. Where they ask only whether one is there: no comparison. */
  readonly looks: ReadonlyMap<string, Look>
  /** Some policy looks at the context as one value, as in `context == {}`. */
  readonly wholeContext: boolean
  /** Some policy looks at tags, by a name that may be computed. */
  readonly tags: boolean
}

type Node = { readonly [key: string]: unknown }

/** More than these of one attribute are no quicker than to decide. */
const MAX_COMPARISONS = 100

/** Looks through policies, in the form that the engine gives them. */
export function mentionsOf(policies: readonly PolicyJson[]): Mentions {
  const found = { wholeContext: false, tags: false }
  /** By name, each comparison once. */
  const looks = new Map<string, Map<string, Comparison | 'whole'>>()
  const entities = policies.flatMap(policy => inValue(JSON.parse(JSON.stringify(policy))))
  const look = (name: string) => {
    const known = looks.get(name) ?? new Map<string, Comparison | 'whole'>()
    looks.set(name, known)
    return known
  }
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    const node = value as Node
    const compared = comparedIn(node)
    if (compared) {
      visitCompared(compared, JSON.stringify(node))
      return
    }
    if (node.Var === 'context') found.wholeContext = true
    if ('hasTag' in node || 'getTag' in node) found.tags = true
    for (const [key, child] of Object.entries(node)) {
      if (key === '.' || key === 'has') visitAccess(child as Node, key)
      else visit(child)
    }
  }
  const visitCompared = ({ access: { '.': access }, comparison }: Compared, text: string): void => {
    look(access.attr).set(text, comparison)
    if (!isContext(access.left)) visit(access.left)
  }
  // What is no access but looks like one, in a literal record, only adds names: too many are safe.
  const visitAccess = (access: Node, key: '.' | 'has'): void => {
    const path = [access?.attr].flat().filter(name => typeof name === 'string')
    // Of the last name in `has a.b` only the presence counts; what stands before it is looked into.
    for (const [at, name] of path.entries()) {
      const known = look(name)
      if (key === '.' || at < path.length - 1) known.set('', 'whole')
    }
    if (!isContext(access?.left)) visit(access)
  }
  visit(policies)
  return { entities, looks: new Map([...looks].map(([name, each]) => [name, lookOf([...each.values()])])), ...found }
}

const isWhole = (each: readonly (Comparison | 'whole')[]) => each.length > MAX_COMPARISONS || each.includes('whole')

const lookOf = (each: readonly (Comparison | 'whole')[]): Look =>
  isWhole(each) ? 'whole' : each.filter(one => one !== 'whole')

const isContext = (value: unknown) =>
  typeof value === 'object' && value !== null && (value as Node).Var === 'context' && Object.keys(value).length === 1
