import { readFileSync, writeFileSync } from 'node:fs'
import type { Report, Row } from './report.ts'

/** Of the bars and their figures. */
const BARS = 430
/** Of one character of a label, at most. */
const CHARACTER = 7.3
const LINE = 26
const FONT = 'ui-monospace, SFMono-Regular, Menlo, Consolas, monospace'

/** Draws `per_sec` (or another figure) of the rows that have it as bars: an SVG that needs no font and no script. */
export function drawChart(jsonFile: string, svgFile: string, figure: string, names: RegExp): void {
  const report = JSON.parse(readFileSync(jsonFile, 'utf8')) as Report
  const rows = report.rows.filter(row => typeof row[figure] === 'number' && names.test(row.name))
  writeFileSync(svgFile, chartOf(report, rows, figure))
}

function chartOf(report: Report, rows: readonly Row[], figure: string): string {
  const most = Math.max(...rows.map(row => Number(row[figure])))
  const height = 60 + rows.length * LINE + 30
  const left = Math.max(240, ...rows.map(({ name }) => Math.ceil(32 + name.length * CHARACTER)))
  const width = left + BARS
  const bars = rows.map((row, at) => bar(row.name, Number(row[figure]), most, { left, top: 60 + at * LINE }))
  const title = `${report.bench}: ${titleOf(figure)}`
  const foot = `${report.machine}; ${report.at.slice(0, 10)}`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="${FONT}" font-size="12">`,
    `<title>${title}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>`,
    text(20, 28, title, '#e6edf3', 'start', 15),
    ...bars,
    text(20, height - 12, foot, '#8b949e', 'start', 10),
    '</svg>',
    '',
  ].join('\n')
}

function bar(name: string, value: number, most: number, { left, top }: { left: number; top: number }): string {
  const width = Math.max(2, Math.round((value / most) * (BARS - 90)))
  return [
    text(left - 12, top + 14, name, '#c9d1d9', 'end'),
    `<rect x="${left}" y="${top + 2}" width="${width}" height="16" rx="3" fill="#2f81f7"/>`,
    text(left + width + 8, top + 14, Math.round(value).toLocaleString('en'), '#e6edf3', 'start'),
  ].join('\n')
}

function text(x: number, y: number, words: string, fill: string, anchor: 'start' | 'end', size = 12): string {
  const safe = words.replace(/&/g, '&amp;').replace(/</g, '&lt;')
  return `<text x="${x}" y="${y}" fill="${fill}" text-anchor="${anchor}" font-size="${size}">${safe}</text>`
}

/** `p99_ms`: "p99 in ms"; `renewed_per_sec`: "renewed per second, on one core". */
function titleOf(figure: string): string {
  if (figure.endsWith('_ms')) return `${figure.slice(0, -'_ms'.length)} in ms`
  return `${figure.replace('_per_sec', '').replace('per_sec', 'done')} per second, on one core`
}
