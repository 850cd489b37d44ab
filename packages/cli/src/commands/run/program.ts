import { accessSync, closeSync, constants, openSync, readSync, realpathSync, statSync } from 'node:fs'
import { basename, delimiter, isAbsolute, join, resolve } from 'node:path'
import { Misuse } from '../../problem.ts'

/** What will be executed. */
export interface Program {
  /** Absolute; its name is the one that was given. */
  readonly path: string
  readonly args: readonly string[]
  /** Files that decide what runs, absolute: the program, its interpreter, a script among its arguments. */
  readonly code: readonly string[]
  /** What a person should know of it. */
  readonly warnings: readonly string[]
}

/** Finds a program as a shell would, in absolute folders of PATH alone. Throws {@link Misuse}. */
export function findProgram(command: readonly string[], cwd: string, path: string): Program {
  const [name = '', ...args] = command
  const looked = candidates(name, cwd, path)
  const found = looked.find(isProgram)
  if (found === undefined) {
    const file = looked.find(isFile)
    if (file !== undefined)
      throw new Misuse(`CMD: ${JSON.stringify(file)} is a file that may not be executed: chmod +x`)
    throw new Misuse(`CMD: there is no program ${JSON.stringify(name)}`)
  }
  const interpreter = interpreterOf(found)
  const script = args.find(arg => !arg.startsWith('-'))
  const scripts = script === undefined ? [] : [resolve(cwd, script)].filter(isFile)
  return {
    path: found,
    args: isNode(found) ? withoutInspector(args) : args,
    code: [found, ...(interpreter === null ? [] : [interpreter]), ...scripts],
    warnings: interpreter !== null && isNodeLine(found) ? [INSPECTOR] : [],
  }
}

const INSPECTOR =
  'the program starts Node.js itself, so `kill -USR1` by its own user opens the inspector: launch `node SCRIPT` instead'

const candidates = (name: string, cwd: string, path: string): string[] =>
  name.includes('/')
    ? [resolve(cwd, name)]
    : path
        .split(delimiter)
        .filter(isAbsolute)
        .map(folder => join(folder, name))

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return isFile(path)
  } catch {
    return false
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}

const isNode = (path: string): boolean =>
  [path, realpathSync(path)].some(one => /^node(js)?(-?\d+)?$/.test(basename(one)))

/** The inspector runs whatever it is told, as the agent: any process of the agent's user could open it by SIGUSR1. */
const withoutInspector = (args: readonly string[]): readonly string[] =>
  args.includes('--disable-sigusr1') ? args : ['--disable-sigusr1', ...args]

/** The first line of a script after `#!`; null where it is none. */
function firstLine(path: string): string | null {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return null
  }
  try {
    const bytes = Buffer.alloc(256)
    const text = bytes.subarray(0, readSync(file, bytes)).toString('latin1')
    return text.startsWith('#!') ? text.slice(2).split('\n')[0]!.trim() : null
  } finally {
    closeSync(file)
  }
}

function interpreterOf(path: string): string | null {
  const [interpreter] = firstLine(path)?.split(/\s+/) ?? []
  return interpreter && isAbsolute(interpreter) ? interpreter : null
}

const isNodeLine = (path: string): boolean => /\bnode(js)?\b/.test(firstLine(path) ?? '')
