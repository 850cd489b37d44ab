import { flag, list, number, type Options, text, type Values } from '../../command.ts'
import { defined } from '../../defined.ts'
import { Misuse } from '../../problem.ts'
import { parseAgent } from '../subject.ts'

export const WHOSE = {
  name: 'TENANT/AGENT|SPIFFE-ID',
  about: 'The agent, such as acme/invoice, or its SPIFFE ID',
} as const

/** What can be said of an entry when it is made and when it is changed. */
export const DESCRIBED = {
  selector: list('SELECTOR', 'What a process must be, such as unix:uid:1001; it must be all that are given'),
  parent: text('PARENT', 'Only on these nodes: node:NAME or group:NAME; every node of the tenant where not given'),
  'x509-ttl': number('SEC', 'Life of its certificates, 60 s to that of its tier'),
  'jwt-ttl': number('SEC', 'Life of its JWT-SVIDs, 60 s to that of its tier'),
  dns: list('NAME', 'A DNS name in its certificates'),
  hint: text('TEXT', 'What a program with several identities knows this one by'),
  federates: list('TD', 'Another trust domain whose bundle it gets'),
  expires: text('RFC3339', 'When the entry ends'),
  children: flag('Every process that matches gets the identity, what it spawned included'),
  replicas: number('N', 'How many launches of it may run at a time; 1 where not given'),
} as const satisfies Options

type Described = Values<typeof DESCRIBED>

/** What an entry can be given back as it was made with: options of `entry update`. */
export const UNSET = {
  unset: list('NAME', 'Take a value out: parent, x509-ttl, jwt-ttl, dns, hint, federates or expires'),
  'no-children': flag('Only launched main processes get the identity'),
} as const satisfies Options

const EMPTY = {
  parent: { parent: null },
  'x509-ttl': { x509_ttl_sec: null },
  'jwt-ttl': { jwt_ttl_sec: null },
  dns: { dns_names: [] as string[] },
  hint: { hint: null },
  federates: { federates_with: [] as string[] },
  expires: { expires_at: null },
}

/** The members of a request that the options describe. */
export const describedBy = (options: Described) =>
  defined({
    selectors: options.selector && [...options.selector],
    parent: options.parent,
    x509_ttl_sec: options['x509-ttl'],
    jwt_ttl_sec: options['jwt-ttl'],
    dns_names: options.dns && [...options.dns],
    hint: options.hint,
    federates_with: options.federates && [...options.federates],
    expires_at: options.expires,
    children: options.children,
    replicas: options.replicas,
  })

/** Those that take values out. Throws {@link Misuse} for a name that is none. */
export function unsetBy(options: Values<typeof UNSET>): object {
  const taken = (options.unset ?? []).map(name => {
    if (Object.hasOwn(EMPTY, name)) return EMPTY[name as keyof typeof EMPTY]
    const known = Object.keys(EMPTY)
    throw new Misuse(`--unset: expected ${known.join(', ')}, got ${JSON.stringify(name)}`, name, known)
  })
  return Object.assign({}, ...taken, options['no-children'] && { children: false })
}

/** Members that name the agent, from `acme/invoice` or `spiffe://…`. Throws {@link Misuse}. */
export const whoseBy = (written: string): { spiffe_id: string } | { tenant: string; agent: string } =>
  written.startsWith('spiffe://') ? { spiffe_id: written } : parseAgent(written)
