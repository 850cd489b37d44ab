import { parseEntity } from '../engine/values.ts'
import type { Entity, EntityFacts } from '../question.ts'
import { ENTITIES } from '../schema/vocabulary.ts'

/** One question, and what must come of it. */
export interface Case {
  readonly name: string
  readonly principal: Entity
  readonly action: string
  readonly resource: Entity
  readonly context: Readonly<Record<string, unknown>>
  readonly expect: 'allow' | 'deny' | 'error'
  /** Ids of the policies that must decide, as they stand after `@id`; null: whichever do. */
  readonly by: readonly string[] | null
}

/** A file of cases. */
export interface Cases {
  readonly entities: readonly EntityFacts[]
  readonly cases: readonly Case[]
}

/** The file is none of cases. The message begins with the place: `cases.2.expect`. */
export class CasesInvalid extends Error {
  override readonly name = 'CasesInvalid'

  constructor(path: string, message: string) {
    super(`${path}: ${message}`)
  }
}

type Tree = Readonly<Record<string, unknown>>

/**
 * Reads what YAML or JSON made of a file: `given` (what holds for each case that does not say otherwise), `entities`
 * and `cases`. Throws {@link CasesInvalid}; a member that is none is refused, since a misspelt `expect` would test
 * nothing.
 */
export function readCases(file: unknown): Cases {
  const { given, entities, cases } = treeOf(file, 'the file', ['given', 'entities', 'cases'])
  const common = treeOf(given ?? {}, 'given', ['principal', 'action', 'resource', 'context'])
  const read = listOf(cases, 'cases').map((value, at) => readCase(value, common, `cases.${at}`))
  if (read.length === 0) throw new CasesInvalid('cases', 'expected at least one')
  return {
    entities: listOf(entities ?? [], 'entities').map((value, at) => readFacts(value, `entities.${at}`)),
    cases: read,
  }
}

const MEMBERS = ['name', 'principal', 'action', 'resource', 'context', 'expect', 'by']
const EXPECTED = ['allow', 'deny', 'error'] as const

function readCase(value: unknown, given: Tree, path: string): Case {
  const own = treeOf(value, path, MEMBERS)
  const of = (name: string) => own[name] ?? given[name]
  const context = [given.context, own.context].map(part => treeOf(part ?? {}, `${path}.context`))
  const expect = EXPECTED.find(word => word === own.expect)
  if (expect === undefined) throw new CasesInvalid(`${path}.expect`, `expected ${EXPECTED.join(', ')}`)
  return {
    name: textOf(own.name, `${path}.name`),
    principal: entityOf(of('principal'), `${path}.principal`),
    action: textOf(of('action'), `${path}.action`),
    resource: entityOf(of('resource'), `${path}.resource`),
    context: Object.assign({}, ...context),
    expect,
    by: own.by === undefined ? null : listOf(own.by, `${path}.by`).map((id, at) => textOf(id, `${path}.by.${at}`)),
  }
}

function readFacts(value: unknown, path: string): EntityFacts {
  const { entity, in: parents, attributes, labels } = treeOf(value, path, ['entity', 'in', 'attributes', 'labels'])
  const uid = entityOf(entity, `${path}.entity`)
  return {
    ...uid,
    attributes: {
      ...treeOf(attributes ?? {}, `${path}.attributes`),
      ...(labels === undefined ? {} : { labels: treeOf(labels, `${path}.labels`) }),
    },
    parents: listOf(parents ?? [], `${path}.in`).map((parent, at) => entityOf(parent, `${path}.in.${at}`)),
  }
}

/** `Lanyard::Agent::"orders"`, or `Agent::"orders"` of what is ours. */
function entityOf(value: unknown, path: string): Entity {
  const text = textOf(value, path)
  const found = parseEntity(text)
  if (found) return found
  throw new CasesInvalid(path, `expected an entity as Agent::"…" (${Object.keys(ENTITIES).join(', ')}), got ${text}`)
}

function textOf(value: unknown, path: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw new CasesInvalid(path, `expected a text, got ${value === undefined ? 'nothing' : JSON.stringify(value)}`)
}

function listOf(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw new CasesInvalid(path, 'expected a list')
}

function treeOf(value: unknown, path: string, known?: readonly string[]): Tree {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CasesInvalid(path, 'expected names and values')
  }
  const stranger = known && Object.keys(value).find(name => !known.includes(name))
  if (stranger === undefined) return value as Tree
  throw new CasesInvalid(path, `unknown member ${JSON.stringify(stranger)}, expected ${known?.join(', ')}`)
}
