/**
 * Whether `pattern` covers `name` from end to end; `*` stands for any run of characters. Linear: no backtracking into
 * earlier stars.
 */
export function matchesPattern(pattern: string, name: string): boolean {
  const [first, ...rest] = pattern.split('*') as [string, ...string[]]
  if (rest.length === 0) return pattern === name
  const last = rest.pop()!
  if (!name.startsWith(first) || name.length < first.length + last.length || !name.endsWith(last)) return false
  let from = first.length
  const end = name.length - last.length
  for (const part of rest) {
    const at = name.indexOf(part, from)
    if (at < 0 || at + part.length > end) return false
    from = at + part.length
  }
  return true
}
