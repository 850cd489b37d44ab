import { CompiledSet, compile } from '@lanyard/policy'
import { command } from '../../command.ts'
import { visible } from '../../layout.ts'
import { BESIDE, findFiles, invalid, permitsNothing, readPolicies, told } from './files.ts'

export const check = command({
  name: 'policy check',
  summary: 'Check policies, with their schema and entities, as the authority would. Without an authority.',
  operands: [{ name: 'FILE', about: 'The policies, in Cedar; or a folder: all files in it that end in .cedar' }],
  options: BESIDE,
  examples: [
    { line: 'lanyard policy check acme.cedar', does: 'Says file, line and column of every problem, and ends with 1.' },
  ],
  run: async ({ operands: [path = ''], options, io, note }) => {
    const checked = findFiles(path, '.cedar', io.cwd).map(name => {
      const files = readPolicies(name, options, io.cwd)
      return { name, files, made: compile(files.text) }
    })
    const errors = checked.flatMap(({ made, files }) =>
      made instanceof CompiledSet ? [] : made.problems.map(problem => told(problem, files.names)),
    )
    if (errors.length > 0) throw invalid(errors)
    for (const { name, made } of checked) {
      const warning = made instanceof CompiledSet ? permitsNothing(made, name) : null
      if (warning !== null) note(`warning: ${warning}`)
    }
    const files = checked.map(({ name, made }) => ({
      file: name,
      policies: made instanceof CompiledSet ? made.policies.map(({ name }) => name) : [],
    }))
    return {
      json: { files },
      text: paint =>
        files
          .map(({ file, policies }) => `${paint.good('✓')} ${visible(file)}  ${paint.faint(count(policies.length))}`)
          .join('\n'),
    }
  },
})

const count = (policies: number) => (policies === 1 ? '1 policy' : `${policies} policies`)
