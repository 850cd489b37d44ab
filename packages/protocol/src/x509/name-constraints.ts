import { ProtocolError } from '../errors.ts'
import type { ChainWork } from './chain-work.ts'
import type { Name } from './name.ts'
import { DIRECTORY_FORM, DNS_FORM, EMAIL_FORM, IP_FORM, type NameForm, URI_FORM } from './subtrees.ts'

/** Names, or subtrees, by their form. */
export interface NamesByForm {
  readonly dns: readonly string[]
  readonly ip: readonly Uint8Array[]
  readonly email: readonly string[]
  readonly uri: readonly string[]
  readonly directoryName: readonly Name[]
  /** The forms that are not read: otherName, x400Address, ediPartyName, registeredID. */
  readonly other: readonly { readonly tag: number }[]
}

export interface NameConstraints {
  readonly permitted: NamesByForm
  readonly excluded: NamesByForm
}

/**
 * Checks all names of one certificate against the constraints of one CA above it. That every certificate satisfies every
 * CA above it is the intersection and the union of RFC 5280, 6.1.4 (g) without building either. A constraint counts
 * whether or not its extension is critical: the CA meant it.
 *
 * @throws ProtocolError `name_constraint_violated`; `name_constraints_invalid` for a subtree that is malformed, even
 *   where no name meets it; `chain_work_exceeded`
 */
export function checkNameConstraints(constraints: NameConstraints, names: NamesByForm, work: ChainWork): void {
  const { permitted, excluded } = constraints
  checkForm(DNS_FORM, permitted.dns, excluded.dns, names.dns, work)
  checkForm(IP_FORM, permitted.ip, excluded.ip, names.ip, work)
  checkForm(EMAIL_FORM, permitted.email, excluded.email, names.email, work)
  checkForm(URI_FORM, permitted.uri, excluded.uri, names.uri, work)
  checkForm(DIRECTORY_FORM, permitted.directoryName, excluded.directoryName, names.directoryName, work)
  checkOtherForms([...permitted.other, ...excluded.other], names.other)
}

function checkForm<Presented, Name, Subtree>(
  form: NameForm<Presented, Name, Subtree>,
  permitted: readonly Presented[],
  excluded: readonly Presented[],
  names: readonly Presented[],
  work: ChainWork,
): void {
  // Reading is work too: a search may come past the same constraints thousands of times.
  work.countComparisons(permitted.length + excluded.length)
  const readSubtree = (subtree: Presented) =>
    form.readSubtree(subtree) ?? fail('name_constraints_invalid', `expected a well-formed ${form.label} subtree`)
  const allowed = permitted.map(readSubtree)
  const denied = excluded.map(readSubtree)
  if (allowed.length + denied.length === 0) return

  for (const presented of names) {
    work.countComparisons(allowed.length + denied.length)
    // RFC 5280, 4.2.1.10: a name that cannot be placed cannot be shown to lie within.
    const name =
      form.readName(presented) ?? fail('name_constraint_violated', `expected well-formed ${form.label} names`)
    if (denied.some(subtree => form.relate(name, subtree) !== 'outside'))
      fail('name_constraint_violated', `expected no ${form.label} within an excluded subtree`)
    if (allowed.length > 0 && !allowed.some(subtree => form.relate(name, subtree) === 'inside'))
      fail('name_constraint_violated', `expected every ${form.label} within a permitted subtree`)
  }
}

// RFC 5280, 4.2.1.10: process the constraint or reject the certificate, once a name of that form appears.
function checkOtherForms(constrained: NamesByForm['other'], presented: NamesByForm['other']): void {
  const tags = new Set(constrained.map(subtree => subtree.tag))
  const name = presented.find(({ tag }) => tags.has(tag))
  if (name !== undefined)
    fail(
      'name_constraint_violated',
      `a constraint on names of the form [${name.tag}] cannot be judged, and one appears`,
    )
}

function fail(code: 'name_constraint_violated' | 'name_constraints_invalid', detail: string): never {
  throw new ProtocolError(code, detail)
}
