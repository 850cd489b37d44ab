import type { Command, Option, OptionGroup, Options } from './command.ts'
import { EXIT } from './exit-codes.ts'
import type { Paint } from './paint.ts'
import { EVERYWHERE, usageOf } from './parse.ts'

const GROUPS: readonly (readonly [OptionGroup, string])[] = [
  ['options', 'Options'],
  ['settings', 'Settings (the same in lanyard.yaml and the environment)'],
  ['connection', 'Connection'],
]

/** Help for one command. */
export function commandHelp(command: Command, paint: Paint): string {
  const sections = [
    `${paint.strong(`lanyard ${command.name}`)}: ${command.summary}`,
    ...(command.about ? [command.about] : []),
    section('Usage', `  ${usageOf(command)}`, paint),
    ...(command.operands.length > 0
      ? [section('Arguments', columns(command.operands.map(({ name, about }) => [name, about])), paint)]
      : []),
    ...GROUPS.flatMap(([group, title]) => optionSection(command.options, group, title, paint)),
    ...optionSection(EVERYWHERE, 'options', 'Everywhere', paint),
    section('Examples', command.examples.map(({ line, does }) => `  ${line}\n      ${does}`).join('\n'), paint),
  ]
  return sections.join('\n\n')
}

/** Help for one command, for programs. */
export function describe(command: Command): object {
  const { name, summary, about, operands, options, examples, wraps } = command
  return {
    name,
    summary,
    about,
    usage: usageOf(command),
    operands,
    options: { ...options, ...EVERYWHERE },
    examples,
    wraps,
  }
}

/** Help for a group such as `tenant` or `access role`. */
export function groupHelp(name: string, commands: readonly Command[], paint: Paint): string {
  const rows = commands.map(command => [command.name, command.summary] as const)
  return [
    `${paint.strong(`lanyard ${name}`)}: one of these commands`,
    columns(rows),
    `\`lanyard ${commands[0]?.name} --help\` tells more.`,
  ].join('\n\n')
}

/** The first help that anybody sees. */
export function overview(
  entries: readonly { readonly name: string; readonly summary: string }[],
  paint: Paint,
): string {
  return [
    `${paint.strong('lanyard')}: SPIFFE identity for AI agents: certificates of five minutes that can be taken away.`,
    section('Usage', '  lanyard COMMAND [arguments] [options]', paint),
    section('Commands', columns(entries.map(({ name, summary }) => [name, summary])), paint),
    ...optionSection(EVERYWHERE, 'options', 'Everywhere', paint),
    section('Ends with', columns(Object.values(EXIT).map(({ code, means }) => [String(code), means])), paint),
    'Start with `lanyard up`; `lanyard help COMMAND` tells more.',
  ].join('\n\n')
}

const section = (title: string, body: string, paint: Paint) => `${paint.strong(title)}\n${body}`

function optionSection(options: Options, group: OptionGroup, title: string, paint: Paint): string[] {
  const rows = Object.entries(options)
    .filter(([, option]) => (option.group ?? 'options') === group)
    .map(([name, option]) => [spell(name, option), aboutOf(option)] as const)
  return rows.length === 0 ? [] : [section(title, columns(rows), paint)]
}

/** `--out DIR`. */
export const spell = (name: string, option: Option): string =>
  option.kind === 'flag' ? `--${name}` : `--${name} ${option.value}`

const aboutOf = (option: Option): string => {
  const notes = [option.required && 'required', option.kind === 'list' && 'repeatable', option.variable]
  const shown = notes.filter(note => typeof note === 'string')
  return shown.length === 0 ? option.about : `${option.about} (${shown.join('; ')})`
}

const WIDEST = 30

/** Two columns; a left side that is too wide stands on a line of its own. */
function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(WIDEST, Math.max(...rows.map(([left]) => left.length)))
  return rows
    .map(([left, right]) =>
      left.length > width ? `  ${left}\n  ${' '.repeat(width)}  ${right}` : `  ${left.padEnd(width)}  ${right}`,
    )
    .join('\n')
}
