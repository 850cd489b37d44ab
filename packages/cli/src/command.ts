import type { Exit } from './exit-codes.ts'
import type { Io } from './io.ts'
import type { Paint } from './paint.ts'

/** Under which heading an option stands in help. */
export type OptionGroup = 'options' | 'connection' | 'settings'

interface Base {
  readonly about: string
  /** The environment variable that means the same. */
  readonly variable?: string
  readonly group?: OptionGroup
}
export interface FlagOption extends Base {
  readonly kind: 'flag'
}
export interface TextOption extends Base {
  readonly kind: 'text'
  /** What stands for the value in help: `DIR`. */
  readonly value: string
  readonly choices?: readonly string[]
}
export interface NumberOption extends Base {
  readonly kind: 'number'
  readonly value: string
}
/** May be given more than once. */
export interface ListOption extends Base {
  readonly kind: 'list'
  readonly value: string
}
export type Option = (FlagOption | TextOption | NumberOption | ListOption) & { readonly required?: true }
export type Options = Readonly<Record<string, Option>>

type ValueOf<O extends Option> = O extends { kind: 'flag' }
  ? boolean
  : O extends { kind: 'number' }
    ? number
    : O extends { kind: 'list' }
      ? readonly string[]
      : O extends { choices: readonly (infer Choice)[] }
        ? Choice
        : string

/** What was given, by name. */
export type Values<O extends Options> = {
  readonly [Name in keyof O]: O[Name] extends { required: true } ? ValueOf<O[Name]> : ValueOf<O[Name]> | undefined
}

export const flag = (about: string) => ({ kind: 'flag', about }) as const
export const text = <const V extends string>(value: V, about: string) => ({ kind: 'text', value, about }) as const
export const number = <const V extends string>(value: V, about: string) => ({ kind: 'number', value, about }) as const
export const list = <const V extends string>(value: V, about: string) => ({ kind: 'list', value, about }) as const
export const choice = <const C extends readonly string[]>(choices: C, about: string) =>
  ({ kind: 'text', value: choices.join('|'), about, choices }) as const
export const required = <const O extends Option>(option: O) => ({ ...option, required: true }) as const

/** An argument by place. */
export interface Operand {
  /** `TENANT`. */
  readonly name: string
  readonly about: string
  readonly optional?: true
  /** It takes all that follows, options of another program among it: these stand after `--`. */
  readonly rest?: true
}

export interface Example {
  /** A line that can be pasted. */
  readonly line: string
  /** What it does, one sentence. */
  readonly does: string
}

/** What a command says, to programs and to people. */
export interface Outcome {
  /** With `--json`, all of standard output. */
  readonly json: unknown
  /** Without. Empty: nothing is said. */
  readonly text: string | ((paint: Paint) => string)
  /** `ok` where none is given; a number: that of a program which the command ran. */
  readonly exit?: Exit | number
  /** Nothing is said, with `--json` neither: what was run has spoken for itself. */
  readonly silent?: true
}

export interface Invocation<O extends Options = Options> {
  readonly operands: readonly string[]
  readonly options: Values<O>
  readonly io: Io
  /** Standard output carries JSON alone. */
  readonly json: boolean
  /** Says something before the command ends; with `--json` each is one line. */
  emit(outcome: Outcome): void
  /** Tells a person what is going on, on stderr. */
  note(text: string): void
}

export interface Command<O extends Options = Options> {
  /** As it is typed after `lanyard`: `tenant create`. */
  readonly name: string
  /** One sentence. */
  readonly summary: string
  /** What else a user must know, in lines. */
  readonly about?: string
  readonly operands: readonly Operand[]
  readonly options: O
  readonly examples: readonly [Example, ...Example[]]
  /** The call whose reply `--json` prints, where the command wraps one. */
  readonly wraps?: string
  run(invocation: Invocation<O>): Promise<Outcome | undefined>
}

/** Declares a command with the exact types of its options. */
export const command = <const O extends Options>(declaration: Command<O>): Command => declaration as unknown as Command
