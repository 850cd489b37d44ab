import { lowerAscii, parentDomain, parseDnsName, parseDnsPattern } from './dns-name.ts'
import { parseIpAddress } from './ip-address.ts'
import type { Name } from './name.ts'
import { comparableName } from './name-comparison.ts'

/**
 * How a name lies to a subtree of RFC 5280, 4.2.1.10. A wildcard can stand for names on both sides: it `overlaps`.
 * Permitted is only what lies inside, excluded all that does not lie outside.
 */
export type Relation = 'inside' | 'overlaps' | 'outside'

/** One form of names: how its names and its subtrees are read (null: malformed), and how the two relate. */
export interface NameForm<Presented, Name, Subtree> {
  readonly label: string
  readName(presented: Presented): Name | null
  readSubtree(presented: Presented): Subtree | null
  relate(name: Name, subtree: Subtree): Relation
}

/** Where hosts lie: at `domain`, below it, or both. An empty `domain` is everything. */
interface HostTree {
  readonly domain: string
  readonly self: boolean
  readonly below: boolean
}

const EVERY_HOST: HostTree = { domain: '', self: true, below: true }

export const DNS_FORM: NameForm<string, { wildcard: boolean; base: string }, HostTree> = {
  label: 'dNSName',
  readName: parseDnsPattern,
  // A wildcard or a leading dot is no dNSName constraint, although some verifiers read them as one: each reads its own.
  readSubtree: text => hostTree(parseDnsName, text, { self: true, below: true }),
  relate: (name, tree) => (name.wildcard ? relateWildcard(name.base, tree) : relateHost(name.base, tree)),
}

export const IP_FORM: NameForm<Uint8Array, Uint8Array, { address: Uint8Array; mask: Uint8Array }> = {
  label: 'iPAddress',
  readName: octets => (octets.length === 4 || octets.length === 16 ? octets : null),
  readSubtree: readSubnet,
  relate: (address, subnet) =>
    address.length === subnet.address.length &&
    address.every((octet, index) => ((octet ^ subnet.address[index]!) & subnet.mask[index]!) === 0)
      ? 'inside'
      : 'outside',
}

interface Mailbox {
  /** Empty in a subtree that holds all mailboxes of its hosts. */
  readonly local: string
  readonly host: string
}

export const EMAIL_FORM: NameForm<string, Mailbox, Mailbox | HostTree> = {
  label: 'rfc822Name',
  readName: readMailbox,
  readSubtree: text => (text.includes('@') ? readMailbox(text) : dottedHostTree(parseDnsName, text)),
  relate: relateMailbox,
}

export const URI_FORM: NameForm<string, string, HostTree> = {
  label: 'uniformResourceIdentifier',
  readName: uriHost,
  readSubtree: text => dottedHostTree(uriDomain, text),
  relate: relateHost,
}

/** Names as their RDNs: a subtree is where names begin alike. */
export const DIRECTORY_FORM: NameForm<Name, readonly string[], readonly string[]> = {
  label: 'directoryName',
  readName: comparableName,
  readSubtree: comparableName,
  relate: (name, base) => (base.every((rdn, index) => rdn === name[index]) ? 'inside' : 'outside'),
}

function hostTree(
  read: (text: string) => string | null,
  text: string,
  reach: { self: boolean; below: boolean },
): HostTree | null {
  if (text === '') return EVERY_HOST
  const domain = read(text)
  return domain === null ? null : { domain, ...reach }
}

/** `example.com` is that host alone, `.example.com` all hosts below it (e-mail and URI, unlike dNSName). */
function dottedHostTree(read: (text: string) => string | null, text: string): HostTree | null {
  return text.startsWith('.') && text !== '.'
    ? hostTree(read, text.slice(1), { self: false, below: true })
    : hostTree(read, text, { self: true, below: false })
}

function relateHost(host: string, tree: HostTree): Relation {
  if (tree.domain === '' || (tree.self && host === tree.domain)) return 'inside'
  return tree.below && host.endsWith(`.${tree.domain}`) ? 'inside' : 'outside'
}

// CVE-2025-61727: *.example.com is not below bar.example.com, yet it vouches for bar.example.com.
function relateWildcard(base: string, tree: HostTree): Relation {
  if (relateHost(base, tree) === 'inside') return 'inside'
  return parentDomain(tree.domain) === base ? 'overlaps' : 'outside'
}

// RFC 5280, 4.2.1.10: an address and a mask in the style of RFC 4632, so ones and then zeros.
function readSubnet(octets: Uint8Array): { address: Uint8Array; mask: Uint8Array } | null {
  if (octets.length !== 8 && octets.length !== 32) return null
  const address = octets.subarray(0, octets.length / 2)
  const mask = octets.subarray(octets.length / 2)
  const bits = Array.from(mask, octet => octet.toString(2).padStart(8, '0')).join('')
  return /^1*0*$/.test(bits) ? { address, mask } : null
}

/** A mailbox with one @, in printable ASCII. Quoted local parts are refused: readers find their @ in different places. */
function readMailbox(text: string): Mailbox | null {
  const parts = /^([!#-'*+\-./0-9=?A-Z^-~]{1,64})@([^@]+)$/.exec(text)
  const host = parts ? parseDnsName(parts[2]!) : null
  return host === null ? null : { local: parts![1]!, host }
}

// RFC 5280, 7.5: the local part by its exact octets, the host without case.
function relateMailbox(mailbox: Mailbox, subtree: Mailbox | HostTree): Relation {
  if ('domain' in subtree) return relateHost(mailbox.host, subtree)
  return mailbox.local === subtree.local && mailbox.host === subtree.host ? 'inside' : 'outside'
}

/**
 * The host of a URI with an authority, or null: RFC 5280 refuses, under a constraint, a URI without a host name. One
 * with user information is refused as well: readers disagree about where the host begins in `a\@b`.
 */
function uriHost(uri: string): string | null {
  const host = /^[a-z][a-z0-9+.-]*:\/\/([^/?#:@]+)(?::[0-9]*)?(?:[/?#]|$)/i.exec(uri)?.[1]
  return host === undefined ? null : uriDomain(host)
}

/** A host name as URIs have it. Underscores are allowed, since a SPIFFE trust domain may have them; addresses are not. */
function uriDomain(text: string): string | null {
  const name = lowerAscii(text)
  const wellFormed = text.length <= 255 && name.split('.').every(label => /^[a-z0-9_-]{1,63}$/.test(label))
  return wellFormed && parseIpAddress(name) === null ? name : null
}
