import { LanyardError, type Method, type Route, splitCall } from '@lanyard/api'

/** A declared route with what a request's path says. */
export interface Match<Id extends string> {
  readonly id: Id
  readonly params: Readonly<Record<string, string>>
}

interface Shape<Id extends string> {
  /** Segments; null stands for a parameter, whose name is at the same place in `names`. */
  readonly segments: readonly (string | null)[]
  readonly names: readonly string[]
  readonly methods: Map<Method, Id>
}

const NO_PARAMS = Object.freeze({})

/**
 * Finds the route of a request. Paths are compared as they came: nothing is decoded, joined or lower-cased, so that no
 * two spellings mean the same route (CVE-2026-33186, CVE-2025-5999).
 */
export class Router<Id extends string> {
  readonly #exact = new Map<string, Map<Method, Id>>()
  readonly #shapes: Shape<Id>[] = []

  constructor(routes: Readonly<Record<Id, Route>>) {
    for (const [id, { call }] of Object.entries<Route>(routes)) this.#add(id as Id, call)
  }

  /** Throws `route_unknown`, `method_not_allowed`. `HEAD` finds what `GET` finds. */
  find(method: string, path: string): Match<Id> {
    const exact = this.#exact.get(path)
    if (exact !== undefined) return { id: pick(exact, method), params: NO_PARAMS }
    const segments = path.split('/')
    for (const shape of this.#shapes) {
      const params = match(shape, segments)
      if (params !== undefined) return { id: pick(shape.methods, method), params }
    }
    throw new LanyardError('route_unknown', 'there is no route at this path')
  }

  #add(id: Id, call: Route['call']): void {
    const { method, path } = splitCall(call)
    const methods = path.includes('{') ? this.#shapeOf(path).methods : this.#exactOf(path)
    if (methods.has(method)) throw new Error(`two routes are declared as ${call}`)
    methods.set(method, id)
  }

  #exactOf(path: string): Map<Method, Id> {
    const methods = this.#exact.get(path) ?? new Map<Method, Id>()
    this.#exact.set(path, methods)
    return methods
  }

  #shapeOf(path: string): Shape<Id> {
    const parts = path.split('/').map(part => /^\{(\w+)\}$/.exec(part)?.[1] ?? null)
    const segments = path.split('/').map((part, i) => (parts[i] === null ? part : null))
    const known = this.#shapes.find(shape => shape.segments.join('/') === segments.join('/'))
    if (known) return known
    const shape: Shape<Id> = { segments, names: parts.map(name => name ?? ''), methods: new Map() }
    this.#shapes.push(shape)
    return shape
  }
}

function pick<Id>(methods: ReadonlyMap<Method, Id>, method: string): Id {
  const id = methods.get((method === 'HEAD' ? 'GET' : method) as Method)
  if (id !== undefined) return id
  const allow = [...methods.keys()]
  if (methods.has('GET')) allow.push('HEAD' as Method)
  throw new LanyardError('method_not_allowed', `expected ${allow.join(', ')}`, { allow })
}

function match({ segments, names }: Shape<string>, got: readonly string[]): Record<string, string> | undefined {
  if (segments.length !== got.length) return undefined
  const params: Record<string, string> = {}
  for (let i = 0; i < got.length; i++) {
    const expected = segments[i]
    if (expected === null) params[names[i]!] = got[i]!
    if (expected === null ? got[i] === '' : expected !== got[i]) return undefined
  }
  return params
}
