/** As long as one that an entry may hold. */
const MAX_SELECTOR = 512

/**
 * The selectors `type:kind:value` of these values. One that no entry could hold is left out: a label may hold a line feed, a
 * path bytes that are no text, and what is cut or replaced would be something else.
 */
export function selectors(type: string, found: Readonly<Record<string, readonly string[]>>): readonly string[] {
  return Object.entries(found).flatMap(([kind, values]) =>
    values
      .filter(value => value.length > 0)
      .map(value => `${type}:${kind}:${value}`)
      .filter(isPrintable),
  )
}

function isPrintable(text: string): boolean {
  return text.length <= MAX_SELECTOR && text.isWellFormed() && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text)
}
