const texts = new WeakMap<object, string>()

/**
 * The object that a text says. Replied to someone, it is that very text again: a number beyond 2^53, which the standards
 * allow in a bundle, is not rounded on the way.
 */
export function documentOf(text: string): Record<string, unknown> {
  const document = Object.freeze(JSON.parse(text) as Record<string, unknown>)
  texts.set(document, text)
  return document
}

/** The text of a document, made once for each object: documents are replied to strangers, who may ask often. */
export function textOf(document: object): string {
  const text = texts.get(document) ?? JSON.stringify(document)
  texts.set(document, text)
  return text
}
