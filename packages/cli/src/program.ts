import type { Command, Invocation, Outcome } from './command.ts'
import { COMMANDS, type Entry } from './commands/index.ts'
import { EXIT, type Exit } from './exit-codes.ts'
import type { Io, Writer } from './io.ts'
import { type Paint, paintFor } from './paint.ts'

/** Runs one command line and gives the exit code. Nothing is thrown, whatever happens. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const session = sessionOf(args, io)
  try {
    const exit = await dispatch(args, session)
    return typeof exit === 'number' ? exit : EXIT[exit].code
  } catch (error) {
    return EXIT[await fail(error, session)].code
  }
}

interface Session {
  readonly io: Io
  readonly json: boolean
  paint(writer: Writer): Paint
  emit(outcome: Outcome): void
}

function sessionOf(args: readonly string[], io: Io): Session {
  // Looked for before anything is parsed, so that what cannot be parsed is refused in JSON too.
  const words = args.includes('--') ? args.slice(0, args.indexOf('--')) : args
  const json = words.includes('--json')
  const paint = (writer: Writer) => paintFor(writer, io.env, !words.includes('--no-color'))
  return { io, json, paint, emit: outcome => emit(outcome, { io, json, paint }) }
}

function emit({ json: value, text }: Outcome, { io, json, paint }: Pick<Session, 'io' | 'json' | 'paint'>): void {
  const shown = json ? JSON.stringify(value) : typeof text === 'string' ? text : text(paint(io.out))
  if (shown !== '') io.out.write(`${shown}\n`)
}

/** May stand before the command as well as after it. */
const LEADING = ['--json', '--no-color']

async function dispatch(args: readonly string[], session: Session): Promise<Exit | number> {
  const from = args.findIndex(arg => !LEADING.includes(arg))
  const [word, ...rest] = from < 0 ? [] : args.slice(from)
  switch (word) {
    case undefined:
    case 'help':
    case '--help':
    case '-h':
      return help(
        rest.filter(arg => !arg.startsWith('-')),
        session,
      )
    case 'version':
    case '--version':
    case '-V':
      return version(session)
    default:
      return find([word, ...rest], session, (command, remaining) => runCommand(command, remaining, session))
  }
}

/** Goes on with the command that the words name, and with the arguments after them. */
async function find(
  words: readonly string[],
  session: Session,
  go: (command: Command, rest: readonly string[]) => Promise<Exit | number> | Exit,
): Promise<Exit | number> {
  const [first = ''] = words
  const entry = await entryOf(first)
  const commands = await entry.load()
  const command = longestOf(commands, words)
  if (command) return go(command, words.slice(command.name.split(' ').length))
  const group = groupOf(commands, words)
  const next = words[group.length]
  if (next === undefined || next === '--help' || next === '-h') return groupHelp(group, commands, session)
  const { Misuse } = await import('./problem.ts')
  const known = [...new Set(within(commands, group).map(({ name }) => name.split(' ')[group.length]!))]
  const detail = `\`lanyard ${group.join(' ')}\` has ${known.join(', ')}, but no ${JSON.stringify(next)}`
  throw new Misuse(detail, next, known).of(group.join(' '))
}

const beginsWith = ({ name }: Command, words: readonly string[]): boolean =>
  `${name} `.startsWith(`${words.join(' ')} `)

const within = (commands: readonly Command[], group: readonly string[]): readonly Command[] =>
  commands.filter(command => beginsWith(command, group))

/** Of `daemon` and `daemon status` the longer name is meant where both fit. */
function longestOf(commands: readonly Command[], words: readonly string[]): Command | undefined {
  for (const length of [3, 2, 1]) {
    const command = commands.find(({ name }) => name === words.slice(0, length).join(' '))
    if (command) return command
  }
  return undefined
}

/** The words that begin some command: `access`, or `access role`. */
function groupOf(commands: readonly Command[], words: readonly string[]): readonly string[] {
  const two = words.slice(0, 2)
  return two.length === 2 && within(commands, two).length > 0 ? two : words.slice(0, 1)
}

async function entryOf(word: string): Promise<Entry> {
  const entry = COMMANDS.find(({ name }) => name === word)
  if (entry) return entry
  const { Misuse } = await import('./problem.ts')
  throw new Misuse(
    `there is no command ${JSON.stringify(word)}`,
    word,
    COMMANDS.map(({ name }) => name),
  )
}

async function runCommand(command: Command, args: readonly string[], session: Session): Promise<Exit | number> {
  try {
    return await runParsed(command, args, session)
  } catch (error) {
    const { Misuse } = await import('./problem.ts')
    throw error instanceof Misuse ? error.of(command.name) : error
  }
}

async function runParsed(command: Command, args: readonly string[], session: Session): Promise<Exit | number> {
  const { parseArguments } = await import('./parse.ts')
  const { operands, options } = parseArguments(command, args)
  if (options.help) return help(command.name.split(' '), session)
  const invocation = { ...session, operands, options, note: (text: string) => session.io.err.write(`${text}\n`) }
  const outcome = await command.run(invocation as Invocation)
  if (outcome && !outcome.silent) session.emit(outcome)
  return outcome?.exit ?? 'ok'
}

async function help(words: readonly string[], session: Session): Promise<Exit | number> {
  const { commandHelp, describe, overview } = await import('./help.ts')
  if (words.length > 0)
    return find(words, session, command => {
      session.emit({ json: describe(command), text: paint => commandHelp(command, paint) })
      return 'ok'
    })
  const commands = COMMANDS.map(({ name, summary }) => ({ name, summary }))
  session.emit({ json: { commands, exit_codes: EXIT }, text: paint => overview(COMMANDS, paint) })
  return 'ok'
}

async function groupHelp(group: readonly string[], commands: readonly Command[], session: Session): Promise<Exit> {
  const help = await import('./help.ts')
  const members = within(commands, group)
  session.emit({
    json: { commands: members.map(help.describe) },
    text: paint => help.groupHelp(group.join(' '), members, paint),
  })
  return 'ok'
}

async function version(session: Session): Promise<Exit> {
  const { VERSION } = await import('./version.ts')
  session.emit({ json: { version: VERSION, node: process.version }, text: `lanyard ${VERSION}` })
  return 'ok'
}

/** With `--json` the refusal is what standard output holds; a person reads it on stderr in both cases. */
async function fail(error: unknown, { io, json, paint }: Session): Promise<Exit> {
  const { problemOf } = await import('./problem.ts')
  const { showProblem } = await import('./show-problem.ts')
  const { problem, exit } = await problemOf(error)
  if (exit === 'fault' && error instanceof Error) io.err.write(`${error.stack}\n`)
  if (json) io.out.write(`${JSON.stringify(problem)}\n`)
  io.err.write(`${showProblem(problem, paint(io.err), io.now())}\n`)
  return exit
}
