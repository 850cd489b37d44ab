import { existsSync, globSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type CompiledSet, compile, PolicyProblems, type PolicyText, type Problem, placeOf } from '@lanyard/policy'
import { text, type Values } from '../../command.ts'
import { readInput } from '../../files.ts'
import { Misuse, Refusal } from '../../problem.ts'

/** Where schema and entities of one's own applications stand, if not beside the policies. */
export const BESIDE = {
  schema: text('FILE', 'Cedar schema of your own applications; NAME.cedarschema beside NAME.cedar if it is there'),
  entities: text('FILE', 'Their entities, as JSON; NAME.entities.json beside NAME.cedar if it is there'),
} as const

/** A version that stands in files. */
export interface PolicyFiles {
  readonly text: PolicyText
  /** The name of each file, as a person knows it. */
  readonly names: { readonly policies: string; readonly schema: string; readonly entities: string }
}

/** The file that is named, or, in a folder, all with this ending. Throws {@link Misuse} when there is none. */
export function findFiles(path: string, ending: string, cwd: string): readonly string[] {
  const whole = resolve(cwd, path)
  if (!existsSync(whole) || !statSync(whole).isDirectory()) return [path]
  const found = globSync(`**/*${ending}`, { cwd: whole }).toSorted()
  if (found.length > 0) return found.map(name => join(path, name))
  throw new Misuse(`expected files that end in ${ending} in ${path}, got none`)
}

/** Reads policies and what belongs to them. Throws {@link Misuse}. */
export function readPolicies(file: string, { schema, entities }: Values<typeof BESIDE>, cwd: string): PolicyFiles {
  const stem = file.replace(/\.cedar$/, '')
  const names = {
    policies: file,
    schema: schema ?? `${stem}.cedarschema`,
    entities: entities ?? `${stem}.entities.json`,
  }
  const read = (name: string, what: string) => Buffer.from(readInput(resolve(cwd, name), what)).toString('utf8')
  const beside = (name: string, asked: string | undefined, what: string) =>
    asked !== undefined || existsSync(resolve(cwd, name)) ? read(name, what) : null
  const text: PolicyText = {
    tenant: null,
    version: 0,
    policies: read(file, 'FILE'),
    schema: beside(names.schema, schema, '--schema') ?? '',
    entities: entitiesIn(beside(names.entities, entities, '--entities'), names.entities),
  }
  return { text, names }
}

function entitiesIn(text: string | null, name: string): readonly unknown[] {
  if (text === null) return []
  try {
    const parsed: unknown = JSON.parse(text)
    if (Array.isArray(parsed)) return parsed
  } catch {
    // Told below, as for JSON of another kind.
  }
  throw new Misuse(`expected a JSON array of entities in ${name}`)
}

/** The set; throws a refusal `policy_invalid` that says file, line and column of every problem. */
export function compiled({ text, names }: PolicyFiles): CompiledSet {
  const made = compile(text)
  if (made instanceof PolicyProblems) throw invalid(made.problems.map(problem => told(problem, names)))
  return made
}

/** A set that permits nothing denies every call, which is hardly ever what was meant. Null: it permits something. */
export const permitsNothing = ({ policies }: CompiledSet, file: string): string | null =>
  policies.some(({ json }) => json.effect === 'permit')
    ? null
    : `${file}: no policy permits anything, so every call is denied; begin with: permit (principal, action, resource);`

export interface Told {
  readonly path: string
  readonly message: string
}

/** `acme.cedar:3:14`, and what is wrong there. */
export function told(problem: Problem, names: PolicyFiles['names']): Told {
  const place = placeOf({ ...problem })
  const path = `${names[problem.where]}${place.slice(problem.where.length)}`
  return { path, message: problem.policy === null ? problem.message : `${problem.policy}: ${problem.message}` }
}

export const invalid = (errors: readonly Told[]): Refusal =>
  new Refusal({
    code: 'policy_invalid',
    title: 'These policies cannot be used',
    detail: errors.length === 1 ? `${errors[0]!.path}: ${errors[0]!.message}` : `${errors.length} problems`,
    errors,
  })
