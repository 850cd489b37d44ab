/** Rows under headings, as Markdown. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`
  return [line(headings), `|${headings.map(() => '---|').join('')}`, ...rows.map(line)].join('\n')
}

// A bar would begin another column, also inside of code.
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

export const code = (text: string): string => `\`${text}\``

export const shell = (...lines: readonly string[]): string => ['```sh', ...lines, '```'].join('\n')

/** A page, with the note that nobody should edit it. */
export const page = (title: string, ...sections: readonly string[]): string =>
  `${[`# ${title}`, '<!-- Generated: npm run docs -->', ...sections].join('\n\n')}\n`
