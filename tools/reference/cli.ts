import { SETTINGS } from '@lanyard/server'
import type { Command, OptionGroup, Options } from '../../packages/cli/src/command.ts'
import { CHECKS } from '../../packages/cli/src/commands/doctor/checks.ts'
import { COMMANDS } from '../../packages/cli/src/commands/index.ts'
import { EXIT } from '../../packages/cli/src/exit-codes.ts'
import { spell } from '../../packages/cli/src/help.ts'
import { EVERYWHERE, usageOf } from '../../packages/cli/src/parse.ts'
import { code, page, shell, table } from './markdown.ts'

/** docs/reference/cli.md */
export async function cliPage(): Promise<string> {
  const commands = (await Promise.all(COMMANDS.map(entry => entry.load()))).flat()
  const connection = commands.find(({ name }) => name === 'tenant list')!.options
  return page(
    'Command line',
    '`lanyard help COMMAND` says the same at the terminal.',
    table(
      ['Command', 'What it does'],
      commands.map(({ name, summary }) => [`[${code(`lanyard ${name}`)}](#${anchor(name)})`, summary]),
    ),
    '## Everywhere',
    optionTable(EVERYWHERE),
    'With `--json` standard output holds JSON alone: the reply of the call that the command wraps, exactly as it came (`{}` for a call without a reply), or a problem document when it was refused. Commands that go on (`up`, `login`, `events --follow`, `cert request --renew`) write one object to a line. Everything else goes to standard error. Colours appear only at a terminal, and not with `NO_COLOR`.',
    '## Exit codes',
    table(
      ['Code', 'Means'],
      Object.values(EXIT).map(({ code, means }) => [String(code), means]),
    ),
    '## Connection',
    'Options of every command that calls the authority. An option wins over its variable, which wins over the session of `lanyard login`, which wins over the profile that `lanyard bootstrap` keeps; both lie in `~/.config/lanyard` (0600). A `--profile` that is given as an option wins over all variables by what is kept under its name: its authority, its session, its key.',
    optionTable(only(connection, 'connection')),
    '## Environment',
    table(['Variable', 'What for'], VARIABLES),
    ...commands.map(commandSection),
  )
}

function commandSection(command: Command): string {
  const { name, summary, about, operands, options, examples, wraps } = command
  const own = only(options, 'options')
  return [
    `## lanyard ${name}`,
    summary,
    ...(about ? [about.replaceAll('\n', ' ')] : []),
    shell(usageOf(command)),
    ...(operands.length > 0
      ? [
          table(
            ['Argument', ''],
            operands.map(({ name, about }) => [code(name), about]),
          ),
        ]
      : []),
    ...(Object.keys(own).length > 0 ? [optionTable(own)] : []),
    ...(has(options, 'settings') ? ['Every setting is an option too: see [configuration](configuration.md).'] : []),
    ...(has(options, 'connection') ? ['[Connection](#connection) options.'] : []),
    ...(wraps ? [`Wraps \`${wraps}\`.`] : []),
    ...examples.map(({ line, does }) => `${does}\n${shell(line)}`),
    ...(name === 'doctor' ? [table(['Check', 'Asks', 'What to do'], CHECK_ROWS)] : []),
  ].join('\n\n')
}

const CHECK_ROWS = Object.entries(CHECKS).map(([name, { asks, remedy }]) => [code(name), asks, remedy])

const optionTable = (options: Options): string =>
  table(
    ['Option', ''],
    Object.entries(options).map(([name, option]) => {
      const notes = [option.required && 'required', option.kind === 'list' && 'repeatable', option.variable]
      const shown = notes
        .filter(note => typeof note === 'string')
        .map(note => (note === option.variable ? code(note) : note))
      return [code(spell(name, option)), shown.length === 0 ? option.about : `${option.about} (${shown.join('; ')})`]
    }),
  )

const only = (options: Options, group: OptionGroup): Options =>
  Object.fromEntries(Object.entries(options).filter(([, option]) => (option.group ?? 'options') === group))

const has = (options: Options, group: OptionGroup): boolean => Object.keys(only(options, group)).length > 0

const anchor = (name: string): string => `lanyard-${name.replaceAll(' ', '-')}`

const VARIABLES = [
  ['`LANYARD_URL`', 'the authority'],
  ['`LANYARD_ROOT_SHA256`', 'fingerprint of its root: hex of the SHA-256 of the DER'],
  ['`LANYARD_API_KEY`', 'the API key'],
  ['`LANYARD_TOKEN`, `LANYARD_TOKEN_FILE`', 'an agent token, for `cert request` and `whoami`'],
  ['`LANYARD_SVID_DIR`', 'folder of an agent’s certificate, for `whoami`'],
  ['`LANYARD_PROFILE`', 'profile to use; `default` where not given'],
  ['`LANYARD_PASSPHRASE`, `LANYARD_PASSPHRASE_FILE`', 'passphrase of the keys, for `up` and `init`'],
  ['`LANYARD_CONFIG`', 'settings file, for `up` and `doctor`'],
  [`${code(SETTINGS[0]!.variable)} and ${SETTINGS.length - 1} more`, 'settings: see [configuration](configuration.md)'],
]
