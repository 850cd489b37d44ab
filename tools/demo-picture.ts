// Draws the demo as it ran just now: `node tools/node.mjs tools/demo-picture.ts [--out FILE]` writes docs/images/demo.svg.
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { parseArgs, promisify } from 'node:util'

const ROOT = join(import.meta.dirname, '..')

interface Report {
  readonly held: boolean
  readonly ms: number
  readonly steps: readonly { readonly step: string; readonly ms: number; readonly saw: string }[]
}

const WIDTH = 860
const SIDE = 24
const BAR = 38
const LINE = 19.5
const FONT = 13
const COLOURS = {
  ground: '#0d1117',
  bar: '#161b22',
  edge: '#30363d',
  text: '#c9d1d9',
  title: '#f0f6fc',
  faint: '#7d8590',
  good: '#3fb950',
  id: '#79c0ff',
  refused: '#ff7b72',
  tier: '#d2a8ff',
} as const
type Colour = keyof typeof COLOURS

/** What stands out in what a step saw; the first that matches. */
const MARKS: readonly (readonly [Colour, RegExp])[] = [
  ['faint', /→|\b[0-9a-f]{32}(?:[0-9a-f]{32})?\b/],
  ['id', /spiffe:\/\/\S+|\/tenant\/\S+|https:\/\/[^\s,]+/],
  ['refused', /\b(?:403 )?[a-z]+(?:_[a-z]+)+\b|\bERR_[A-Z0-9_]+\b|\blineage\.forked\b/],
  ['tier', /\b(?:platinum|gold|silver|bronze|restricted)\b/],
]

interface Piece {
  readonly text: string
  readonly colour: Colour
  readonly strong?: boolean
}
interface Line {
  readonly pieces: readonly Piece[]
  /** At the right edge. */
  readonly time?: string
  readonly indent?: number
  /** Set off from the line before. */
  readonly gap?: number
}

/** Fails when a promise of the demo does not hold: a picture of that would be no help. */
async function runDemo(): Promise<Report> {
  const demo = [join(ROOT, 'packages/cli/src/main.ts'), 'demo', '--json']
  const { stdout } = await promisify(execFile)(process.execPath, demo)
  return JSON.parse(stdout) as Report
}

function linesOf({ steps, ms }: Report): Line[] {
  const told = steps.flatMap(({ step, ms: took, saw }): Line[] => [
    { pieces: [plain('✓ ', 'good'), { text: step, colour: 'title', strong: true }], time: timeOf(took), gap: 6 },
    ...saw.split('\n').map(line => ({ pieces: marked(line), indent: 18 })),
  ])
  const end = [plain(`All ${steps.length} promises held`, 'good'), plain(` in ${(ms / 1000).toFixed(1)} s.`)]
  return [
    { pieces: [plain('$ ', 'faint'), plain('npm ci && npm run demo', 'title')] },
    ...told,
    { pieces: end, gap: 12 },
  ]
}

const plain = (text: string, colour: Colour = 'text'): Piece => ({ text, colour })
const timeOf = (ms: number) => `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`

function marked(line: string): Piece[] {
  const any = new RegExp(MARKS.map(([, pattern]) => `(${pattern.source})`).join('|'), 'g')
  const pieces: Piece[] = []
  let at = 0
  for (const match of line.matchAll(any)) {
    pieces.push(plain(line.slice(at, match.index)))
    const [colour] = MARKS[match.slice(1).findIndex(Boolean)]!
    pieces.push(plain(match[0], colour))
    at = match.index + match[0].length
  }
  return [...pieces, plain(line.slice(at))].filter(({ text }) => text !== '')
}

function draw(lines: readonly Line[]): string {
  let y = BAR + 10
  const rows = lines.map(line => {
    y += LINE + (line.gap ?? 0)
    return row(line, y)
  })
  const height = Math.round(y + 24)
  const { ground, bar, edge, faint } = COLOURS
  const dots = ['#ff5f57', '#febc2e', '#28c840'].map(
    (colour, at) => `<circle cx="${SIDE + at * 20}" cy="${BAR / 2}" r="6" fill="${colour}"/>`,
  )
  const inside = `width="${WIDTH - 1}" rx="10"`
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>lanyard demo</title>
<rect x="0.5" y="0.5" ${inside} height="${height - 1}" fill="${ground}"/>
<path d="M0.5 ${BAR}V10.5a10 10 0 0 1 10-10H${WIDTH - 10.5}a10 10 0 0 1 10 10V${BAR}z" fill="${bar}"/>
<path d="M0.5 ${BAR}H${WIDTH - 0.5}" stroke="${edge}"/>
<rect x="0.5" y="0.5" ${inside} height="${height - 1}" fill="none" stroke="${edge}"/>
${dots.join('')}
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${FONT}">
<text x="${WIDTH / 2}" y="${BAR / 2 + 4.5}" text-anchor="middle" fill="${faint}">lanyard demo</text>
${rows.join('\n')}
</g>
</svg>
`
}

function row({ pieces, indent = 0, time }: Line, y: number): string {
  const spans = pieces.map(({ text, colour, strong }) => {
    const weight = strong ? ' font-weight="600"' : ''
    return `<tspan fill="${COLOURS[colour]}"${weight}>${escaped(text)}</tspan>`
  })
  const right = `<text x="${WIDTH - SIDE}" y="${y}" text-anchor="end" fill="${COLOURS.faint}">${time}</text>`
  return `<text x="${SIDE + indent}" y="${y}" xml:space="preserve" style="white-space:pre">${spans.join('')}</text>${time === undefined ? '' : right}`
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

const { values } = parseArgs({ options: { out: { type: 'string', default: join(ROOT, 'docs/images/demo.svg') } } })
writeFileSync(values.out, draw(linesOf(await runDemo())))
console.log(values.out)
