import { dirname, join, resolve } from 'node:path'
import { type Cases, CasesInvalid, readCases } from '@lanyard/policy'
import { parse } from 'yaml'
import { readInput } from '../../files.ts'
import { Misuse } from '../../problem.ts'

/** A file of cases, and the policies that it is about. */
export interface CaseFile {
  /** As the command line named it. */
  readonly name: string
  readonly policies: string
  readonly schema?: string
  readonly entities?: string
  readonly cases: Cases
}

const ENDING = /\.cases\.yaml$/

/**
 * Reads a file of cases. `policies`, `schema` and `entities_file` in it are paths from its own folder; `acme.cases.yaml` is
 * about `acme.cedar` where it names none. Throws {@link Misuse}.
 */
export function readCaseFile(name: string, cwd: string): CaseFile {
  const { policies, schema, entities_file: entities, ...rest } = treeOf(name, cwd)
  const stem = name.replace(ENDING, '')
  if (policies === undefined && stem === name) {
    throw new Misuse(`${name}: expected a name that ends in .cases.yaml, or \`policies: FILE\` in it`)
  }
  const path = (value: unknown, member: string) => {
    if (typeof value === 'string') return join(dirname(name), value)
    throw new Misuse(`${name}: ${member}: expected a path`)
  }
  return {
    name,
    policies: policies === undefined ? `${stem}.cedar` : path(policies, 'policies'),
    ...(schema === undefined ? {} : { schema: path(schema, 'schema') }),
    ...(entities === undefined ? {} : { entities: path(entities, 'entities_file') }),
    cases: casesOf(name, rest),
  }
}

function treeOf(name: string, cwd: string): Readonly<Record<string, unknown>> {
  const text = Buffer.from(readInput(resolve(cwd, name), 'CASES')).toString('utf8')
  const tree = parsed(name, text)
  if (typeof tree === 'object' && tree !== null && !Array.isArray(tree)) return tree as Record<string, unknown>
  throw new Misuse(`${name}: expected names and values`)
}

function parsed(name: string, text: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    throw new Misuse(`${name}: ${(error as Error).message.split('\n')[0]}`)
  }
}

function casesOf(name: string, tree: unknown): Cases {
  try {
    return readCases(tree)
  } catch (error) {
    if (error instanceof CasesInvalid) throw new Misuse(`${name}: ${error.message}`)
    throw error
  }
}
