import { readFileSync, writeFileSync } from 'node:fs'
import type { Report, Row } from '../report.ts'

const WIDTH = 1000
const LABELS = 445
const LINE = 40
const TOP = 86
const RIGHT = 150
const FONT = 'ui-monospace, SFMono-Regular, Menlo, Consolas, monospace'
/** Decades of the axis, in milliseconds. */
const TICKS = [1, 10, 100, 1000, 10_000]

const across = (ms: number) =>
  LABELS + ((WIDTH - LABELS - RIGHT) * Math.log10(Math.min(Math.max(ms, 1), 10_000))) / Math.log10(10_000)

/** Draws the cases of a written report: from the commit of a kill to the last accepted call, as an SVG without font or script. */
export function drawKill(jsonFile: string, svgFile: string): void {
  const report = JSON.parse(readFileSync(jsonFile, 'utf8')) as Report
  writeFileSync(
    svgFile,
    chartOf(
      report,
      report.rows.filter(row => typeof row.last_accept_p99_ms === 'number'),
    ),
  )
}

function chartOf(report: Report, rows: readonly Row[]): string {
  const bottom = TOP + rows.length * LINE
  const height = bottom + 62
  const title = 'From the commit of a kill to the last call that was accepted, anywhere'
  const kills = [...new Set(rows.map(row => Number(row.kills)))].sort((a, b) => a - b)
  const many = kills.length === 1 ? `${kills[0]}` : `${kills[0]} to ${kills.at(-1)}`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="${FONT}" font-size="12">`,
    `<title>${title}: median, 95th and 99th percentile and the worst of ${many} kills in each case</title>`,
    `<rect width="${WIDTH}" height="${height}" rx="8" fill="#0d1117"/>`,
    text(20, 28, title, '#e6edf3', 'start', 15),
    text(
      20,
      50,
      `${many} kills a case; by the first byte of the answer at the caller. Bar: median to 99th percentile; tick: 95th; dot: the worst.`,
      '#8b949e',
      'start',
      11,
    ),
    ...TICKS.map(tick => gridLine(tick, bottom)),
    ...rows.map((row, at) => line(row, TOP + at * LINE)),
    text(20, height - 14, `${report.machine}; ${report.at.slice(0, 10)}`, '#8b949e', 'start', 10),
    '</svg>',
    '',
  ].join('\n')
}

function gridLine(ms: number, bottom: number): string {
  const x = across(ms).toFixed(1)
  const name = ms < 1000 ? `${ms} ms` : `${ms / 1000} s`
  return [
    `<line x1="${x}" y1="${TOP - 8}" x2="${x}" y2="${bottom}" stroke="#30363d"/>`,
    text(Number(x), bottom + 18, name, '#8b949e', 'middle', 11),
  ].join('\n')
}

function line(row: Row, top: number): string {
  const ms = (name: string) => Number(row[`last_accept_${name}_ms`])
  const [p50, p95, p99, most] = ['p50', 'p95', 'p99', 'max'].map(name => across(ms(name))) as [
    number,
    number,
    number,
    number,
  ]
  const middle = top + LINE / 2
  return [
    text(LABELS - 14, middle + 4, row.name, '#c9d1d9', 'end'),
    `<rect x="${p50.toFixed(1)}" y="${middle - 8}" width="${Math.max(2, p99 - p50).toFixed(1)}" height="16" rx="3" fill="#2f81f7"/>`,
    `<line x1="${p95.toFixed(1)}" y1="${middle - 8}" x2="${p95.toFixed(1)}" y2="${middle + 8}" stroke="#e6edf3" stroke-width="2"/>`,
    `<circle cx="${most.toFixed(1)}" cy="${middle}" r="4" fill="#f0883e"/>`,
    text(
      WIDTH - RIGHT + 16,
      middle + 4,
      `${shown(ms('p50'))} · ${shown(ms('p99'))} · ${shown(ms('max'))}`,
      '#e6edf3',
      'start',
      11,
    ),
  ].join('\n')
}

const shown = (ms: number) => (ms < 10 ? ms.toFixed(1) : String(Math.round(ms)))

function text(
  x: number,
  y: number,
  words: string,
  fill: string,
  anchor: 'start' | 'middle' | 'end',
  size = 12,
): string {
  const safe = words.replace(/&/g, '&amp;').replace(/</g, '&lt;')
  return `<text x="${x}" y="${y}" fill="${fill}" text-anchor="${anchor}" font-size="${size}">${safe}</text>`
}
