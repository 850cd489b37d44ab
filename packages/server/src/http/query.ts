import { LanyardError } from '@lanyard/api'

/**
 * The parameters of a query, each once, without a prototype. Throws `query_invalid` for one that is repeated or cannot
 * be decoded: of two values, two readers take different ones.
 */
export function parseQuery(text: string): Record<string, string> {
  const query: Record<string, string> = Object.create(null)
  for (const pair of text === '' ? [] : text.split('&')) {
    const equals = pair.indexOf('=')
    const name = decode(equals < 0 ? pair : pair.slice(0, equals))
    if (name in query) throw invalid(name, 'given twice')
    query[name] = decode(equals < 0 ? '' : pair.slice(equals + 1))
  }
  return query
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw invalid('', 'percent-encoding that is no UTF-8')
  }
}

const invalid = (path: string, message: string) =>
  new LanyardError('query_invalid', `${path.slice(0, 64)} ${message}`.trim(), {
    errors: [{ path: path.slice(0, 64), message }],
  })
