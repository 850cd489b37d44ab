// Prints the five largest source files and functions, so that growth is seen: part of .ci/run.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const files = execFileSync('git', ['ls-files', 'packages/*.ts', 'tools/*.ts', 'bench/*.ts'], { encoding: 'utf8' })
  .split('\n')
  .filter(file => file !== '' && !/\.(test|suite|child)\.ts$|\/(testing|suite)\//.test(file))

interface Piece {
  readonly lines: number
  readonly name: string
}
const START =
  /^(\s*)(?:export )?(?:default )?(?:static )?(?:async )?(?:function\*? ?(\w+)|\*?(#?\w+)\(|(?:const|let) (\w+) = .*=>)/

const sizes: Piece[] = []
const functions: Piece[] = []
for (const file of files) {
  const lines = readFileSync(file, 'utf8').split('\n')
  sizes.push({ lines: lines.length, name: file })
  functions.push(...functionsOf(file, lines))
}
console.log('five largest files:')
print(sizes)
console.log('five largest functions:')
print(functions)

// The formatter puts the closing brace of a block under the first character of its head.
function functionsOf(file: string, lines: readonly string[]): Piece[] {
  return lines.flatMap((line, start) => {
    const match = START.exec(line)
    if (!match || /^\s*(if|for|while|switch|return|catch|test|describe)\b/.test(line)) return []
    const [, indent = ''] = match
    const body = headEnd(lines, start, indent)
    const end = lines.findIndex((other, at) => body !== null && at > body && other.startsWith(`${indent}}`))
    if (end < 0) return []
    return [{ lines: end - start + 1, name: `${file}:${start + 1} ${match[2] ?? match[3] ?? match[4]}` }]
  })
}

/** The line that opens the body; null for a call, a declaration without a body, or an expression. */
function headEnd(lines: readonly string[], start: number, indent: string): number | null {
  if (lines[start]!.endsWith('{')) return start
  if (!lines[start]!.endsWith('(')) return null
  const end = lines.findIndex((other, at) => at > start && other.startsWith(`${indent})`))
  return lines[end]?.endsWith('{') ? end : null
}

function print(pieces: readonly Piece[]): void {
  for (const { lines, name } of pieces.toSorted((a, b) => b.lines - a.lines).slice(0, 5)) {
    console.log(`${String(lines).padStart(6)} lines  ${name}`)
  }
}
