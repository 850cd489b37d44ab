import { type CaseResult, runCases } from '@lanyard/policy'
import { command } from '../../command.ts'
import { visible } from '../../layout.ts'
import type { Paint } from '../../paint.ts'
import { readCaseFile } from './case-files.ts'
import { compiled, findFiles, readPolicies } from './files.ts'

interface Tested {
  readonly file: string
  readonly results: readonly CaseResult[]
}

export const testCases = command({
  name: 'policy test',
  summary: 'Run the cases that stand beside policies. Without an authority.',
  about:
    'A file acme.cases.yaml is about acme.cedar beside it. It lists questions and what must come of each: allow, deny, or\nerror; with `by`, the ids of the policies that must decide.',
  operands: [
    {
      name: 'CASES',
      about: 'A file of cases, or the policies beside it; or a folder: all files in it that end in .cases.yaml',
    },
  ],
  options: {},
  examples: [
    { line: 'lanyard policy test policies/', does: 'Runs all of a folder; ends with 1 when one does not hold.' },
  ],
  run: async ({ operands: [path = ''], io }) => {
    const tested: Tested[] = findFiles(path.replace(/\.cedar$/, '.cases.yaml'), '.cases.yaml', io.cwd).map(name => {
      const { policies, cases, ...beside } = readCaseFile(name, io.cwd)
      const set = compiled(readPolicies(policies, { schema: beside.schema, entities: beside.entities }, io.cwd))
      return { file: name, results: runCases(set, cases) }
    })
    const all = tested.flatMap(({ results }) => results)
    const failed = all.filter(({ failure }) => failure !== null).length
    return {
      json: { files: tested.map(asJson), passed: all.length - failed, failed },
      text: paint => [...tested.map(file => shown(file, paint)), summed(all.length, failed, paint)].join('\n'),
      exit: failed === 0 ? 'ok' : 'refused',
    }
  },
})

const asJson = ({ file, results }: Tested) => ({
  file,
  cases: results.map(({ name, decision, failure }) => ({
    name,
    decision: decision.allowed ? 'allow' : 'deny',
    policies: decision.policies,
    errors: decision.errors,
    failure,
  })),
})

const shown = ({ file, results }: Tested, paint: Paint) =>
  [paint.strong(visible(file)), ...results.map(result => `  ${lineOf(result, paint)}`)].join('\n')

const lineOf = ({ name, failure }: CaseResult, paint: Paint) =>
  failure === null
    ? `${paint.good('✓')} ${visible(name)}`
    : `${paint.bad('✖')} ${visible(name)}\n      ${visible(failure)}`

const summed = (all: number, failed: number, paint: Paint) =>
  failed === 0 ? paint.good(`${all} of ${all} hold`) : paint.bad(`${all - failed} of ${all} hold`)
