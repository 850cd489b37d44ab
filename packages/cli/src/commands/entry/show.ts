import type { Entry } from '@lanyard/api'
import type { Outcome } from '../../command.ts'
import { card } from '../../layout.ts'

/** One registration entry on a card. */
export const shown = (entry: Entry): Outcome => ({
  json: entry,
  text: paint =>
    card(
      [
        ['entry', `${entry.id}, revision ${entry.revision}`],
        ['agent', `${entry.tenant}/${entry.agent}`],
        ['id', entry.spiffe_id],
        ...entry.selectors.map(selector => ['selector', selector] as const),
        ['where', entry.parent ?? 'every node of the tenant'],
        ['who', who(entry)],
        ['lives', livesOf(entry)],
        ...optional('dns', entry.dns_names.join(' ')),
        ...optional('hint', entry.hint),
        ...optional('federates', entry.federates_with.join(' ')),
        ...optional('ends', entry.expires_at),
        ['since', entry.created_at],
      ],
      paint,
    ),
})

const who = ({ children, replicas }: Entry): string =>
  children ? 'every process that matches' : `launched main processes, ${replicas} at a time`

const livesOf = ({ x509_ttl_sec: x509, jwt_ttl_sec: jwt }: Entry): string =>
  `X.509 ${x509 === null ? 'as its tier' : `${x509} s`}, JWT ${jwt === null ? 'as its tier' : `${jwt} s`}`

const optional = (name: string, value: string | null): [string, string][] =>
  value === null || value === '' ? [] : [[name, value]]
