// Prints the five largest source files and functions, so that growth is seen: part of .ci/run.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const files = execFileSync('git', ['ls-files', 'packages/*.ts', 'tools/*.ts', 'bench/*.ts'], { encoding: 'utf8' })
  .split('\n')
  .filter(file => file !== '' && !/\.(test|suite)\.ts$/.test(file))

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
    const end = lines.findIndex((other, at) => at > start && other.startsWith(`${match[1]}}`))
    const next = lines.findIndex(
      (other, at) => at > start && other !== '' && !/^\s/.test(other.slice(match[1]!.length, match[1]!.length + 1)),
    )
    if (end < 0 || (next >= 0 && next < end && !/^\s*[)\]}]/.test(lines[next]!))) return []
    return [{ lines: end - start + 1, name: `${file}:${start + 1} ${match[2] ?? match[3] ?? match[4]}` }]
  })
}

function print(pieces: readonly Piece[]): void {
  for (const { lines, name } of pieces.toSorted((a, b) => b.lines - a.lines).slice(0, 5)) {
    console.log(`${String(lines).padStart(6)} lines  ${name}`)
  }
}
