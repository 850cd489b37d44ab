import {
  type CompiledSet,
  compile,
  type Difference,
  diff,
  PolicyProblems,
  type PolicyText,
  runCases,
} from '@lanyard/policy'
import { CONNECTION, type ConnectionOptions, connect } from '../../client/connection.ts'
import { command, type Outcome, text } from '../../command.ts'
import type { Io } from '../../io.ts'
import { visible } from '../../layout.ts'
import type { Paint } from '../../paint.ts'
import { readCaseFile } from './case-files.ts'
import { compiled, invalid, readPolicies, told } from './files.ts'
import { findVersion, SCOPE, versionIn } from './versions.ts'

export const compare = command({
  name: 'policy diff',
  summary: 'Show which policies differ between two versions or files, and which cases they answer differently.',
  about: 'Policies are compared by @id: a change of order, layout or comments is none.',
  operands: [
    { name: 'BEFORE', about: 'The number of a version, or a file' },
    { name: 'AFTER', about: 'The same' },
  ],
  options: { ...SCOPE, cases: text('FILE', 'Cases to ask both: those with another answer are listed'), ...CONNECTION },
  examples: [
    { line: 'lanyard policy diff 3 acme.cedar --tenant acme', does: 'What saving the file would change.' },
    {
      line: 'lanyard policy diff 3 4 --tenant acme --cases acme.cases.yaml',
      does: 'And what that means for the cases.',
    },
  ],
  run: async ({ operands: [from = '', to = ''], options: { tenant, cases, ...connection }, io }) => {
    const before = await setOf(from, tenant, connection, io)
    const after = await setOf(to, tenant, connection, io)
    const differences = diff(before, after)
    const answers = cases === undefined ? [] : answersOf(before, after, cases, io.cwd)
    return shown(differences, answers)
  },
})

async function setOf(
  written: string,
  tenant: string | undefined,
  options: ConnectionOptions,
  io: Io,
): Promise<CompiledSet> {
  if (!/^\d+$/.test(written)) return compiled(readPolicies(written, { schema: undefined, entities: undefined }, io.cwd))
  const found: PolicyText = await findVersion(await connect(options, io), tenant, versionIn(written))
  const made = compile(found)
  const name = `version ${written}`
  if (made instanceof PolicyProblems)
    throw invalid(made.problems.map(problem => told(problem, { policies: name, schema: name, entities: name })))
  return made
}

interface Answer {
  readonly case: string
  readonly before: 'allow' | 'deny'
  readonly after: 'allow' | 'deny'
}

function answersOf(before: CompiledSet, after: CompiledSet, file: string, cwd: string): readonly Answer[] {
  const { cases } = readCaseFile(file, cwd)
  const [old, fresh] = [runCases(before, cases), runCases(after, cases)]
  return old.flatMap(({ name, decision }, at) => {
    const changed = fresh[at]!.decision
    if (decision.allowed === changed.allowed) return []
    return [{ case: name, before: wordOf(decision.allowed), after: wordOf(changed.allowed) }]
  })
}

const wordOf = (allowed: boolean) => (allowed ? 'allow' : 'deny')

const shown = (differences: readonly Difference[], answers: readonly Answer[]): Outcome => ({
  json: { differences, answers },
  text: paint =>
    differences.length + answers.length === 0
      ? 'no difference'
      : [
          ...differences.map(difference => block(difference, paint)),
          ...answers.map(answer => `${visible(answer.case)}: ${answer.before} before, ${answer.after} after`),
        ].join('\n'),
})

function block({ policy, change, before, after }: Difference, paint: Paint): string {
  const lines = (text: string | null, sign: string, colour: (text: string) => string) =>
    text === null ? [] : text.split('\n').map(line => colour(`  ${sign} ${visible(line)}`))
  return [
    `${change} ${paint.strong(visible(policy))}`,
    ...lines(before, '-', paint.bad),
    ...lines(after, '+', paint.good),
  ].join('\n')
}
