import { parseArgs } from 'node:util'
import { type Command, flag, type Option, type Options } from './command.ts'
import { Misuse } from './problem.ts'

/** Understood by every command. */
export const EVERYWHERE = {
  json: flag('Write JSON and nothing else to standard output'),
  help: flag('Show help (-h)'),
  'no-color': flag('No colours, also at a terminal'),
} as const satisfies Options

export interface Parsed {
  readonly operands: readonly string[]
  readonly options: Readonly<Record<string, boolean | number | string | readonly string[] | undefined>>
}

type Value = boolean | number | string | readonly string[]

/** The arguments of one command, each option known, each value of its kind. Throws {@link Misuse}. */
export function parseArguments(command: Command, args: readonly string[]): Parsed {
  const options: Options = { ...command.options, ...EVERYWHERE }
  const operands: string[] = []
  const given = new Map<string, Value>()
  for (const token of tokensOf(options, args)) {
    if (token.kind === 'positional') operands.push(token.value)
    if (token.kind === 'option') takeOption(command, options, given, token)
  }
  const parsed = { operands: apart(command, operands), options: Object.fromEntries(given) }
  if (!given.has('help')) requireAll(command, parsed)
  return parsed
}

/** Some commands take TENANT AGENT, others TENANT/AGENT, as events show them: the first ones understand both. */
function apart(command: Command, operands: readonly string[]): readonly string[] {
  const [tenant, agent] = command.operands
  const [first = '', ...rest] = operands
  const both = first.split('/')
  const isBoth = tenant?.name === 'TENANT' && agent?.name === 'AGENT' && both.length === 2 && !both.includes('')
  return isBoth ? [...both, ...rest] : operands
}

function tokensOf(options: Options, args: readonly string[]) {
  const config = Object.entries(options).map(([name, option]) => [
    name,
    {
      type: option.kind === 'flag' ? ('boolean' as const) : ('string' as const),
      ...(name === 'help' && { short: 'h' }),
    },
  ])
  return parseArgs({ args: [...args], options: Object.fromEntries(config), strict: false, tokens: true }).tokens
}

interface OptionToken {
  readonly name: string
  readonly rawName: string
  readonly value: string | undefined
  readonly inlineValue: boolean | undefined
}

function takeOption(command: Command, options: Options, given: Map<string, Value>, token: OptionToken): void {
  const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined
  if (!option) {
    const known = Object.keys(options).map(name => `--${name}`)
    throw new Misuse(`\`lanyard ${command.name}\` has no option ${token.rawName}`, token.rawName, known)
  }
  const value = readValue(token, option)
  const before = given.get(token.name)
  if (before !== undefined && option.kind === 'text') throw new Misuse(`${token.rawName} is given twice`)
  given.set(token.name, option.kind === 'list' && Array.isArray(before) ? [...before, ...(value as string[])] : value)
}

function readValue({ rawName, value, inlineValue }: OptionToken, option: Option): Value {
  if (option.kind === 'flag') {
    if (value !== undefined) throw new Misuse(`${rawName} takes no value`)
    return true
  }
  // `--out --json` is more likely a forgotten value than a folder of that name.
  if (value === undefined || (!inlineValue && /^--?[a-z]/i.test(value)))
    throw new Misuse(`${rawName} needs a value: ${rawName} ${option.value}`)
  if (option.kind === 'list') return [value]
  return option.kind === 'number' ? numberOf(rawName, value, option.value) : textOf(rawName, value, option.choices)
}

function numberOf(rawName: string, value: string, unit: string): number {
  if (/^-?\d{1,15}$/.test(value)) return Number(value)
  throw new Misuse(`${rawName}: expected a whole number${unit === 'SEC' ? ' of seconds' : ''}, got ${shown(value)}`)
}

function textOf(rawName: string, value: string, choices?: readonly string[]): string {
  if (!choices || choices.includes(value)) return value
  throw new Misuse(`${rawName}: expected ${choices.join(', ')}, got ${shown(value)}`, value, choices)
}

// A URL may hold a password, and what is said here is logged by whatever started the program.
const shown = (text: string): string => JSON.stringify(text.replace(/:\/\/[^@]*@/, '://…@'))

function requireAll(command: Command, { operands, options }: Parsed): void {
  const missing = command.operands.slice(operands.length).find(operand => !operand.optional)
  if (missing) throw new Misuse(`${missing.name} is missing: ${usageOf(command)}`)
  if (operands.length > command.operands.length && !command.operands.at(-1)?.rest)
    throw new Misuse(
      `${shown(operands[command.operands.length]!)} is one argument too many: ${usageOf(command)}${joined(command, operands)}`,
    )
  const [name] = Object.entries(command.options).find(([name, { required }]) => required && !(name in options)) ?? []
  if (name) throw new Misuse(`--${name} is missing: ${usageOf(command)}`)
}

const joined = ({ operands: [operand] }: Command, [tenant = '', agent = '']: readonly string[]): string =>
  operand?.name === 'TENANT/AGENT' && !tenant.includes('/') ? `; did you mean ${tenant}/${agent}?` : ''

/** `lanyard cert request --tenant TENANT --agent AGENT [options]`. */
export function usageOf(command: Command): string {
  const operands = command.operands
    .filter(({ rest }) => !rest)
    .map(({ name, optional }) => (optional ? `[${name}]` : name))
  const rest = command.operands.filter(({ rest }) => rest).map(({ name }) => `-- ${name} [ARG…]`)
  const needed = Object.entries(command.options).flatMap(([name, option]) =>
    option.required && option.kind !== 'flag' ? [`--${name} ${option.value}`] : [],
  )
  return ['lanyard', command.name, ...operands, ...needed, '[options]', ...rest].join(' ')
}
