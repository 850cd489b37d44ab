import { FormData, type RequestInit } from 'undici'

/** undici knows its own forms alone, not those of the undici that Node has built in. */
export function ownForm(
  body: RequestInit['body'] | globalThis.FormData | undefined,
): Exclude<RequestInit['body'], undefined> {
  if (!(body instanceof globalThis.FormData)) return (body ?? null) as Exclude<RequestInit['body'], undefined>
  const form = new FormData()
  for (const [name, value] of body) {
    if (typeof value === 'string') form.append(name, value)
    else form.append(name, value, value.name)
  }
  return form
}
