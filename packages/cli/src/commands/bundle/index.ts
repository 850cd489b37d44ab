import { resolve } from 'node:path'
import { CONNECTION, connect } from '../../client/connection.ts'
import { command } from '../../command.ts'
import { readInput } from '../../files.ts'
import { table, visible } from '../../layout.ts'
import { NO_REPLY } from '../../listing.ts'

const TRUST_DOMAIN = { name: 'TRUST-DOMAIN', about: 'Its name, such as partner.example' } as const

const set = command({
  name: 'bundle set',
  summary: 'Set the bundle of another trust domain, for entries that federate with it.',
  operands: [TRUST_DOMAIN, { name: 'FILE|-', about: 'Its SPIFFE bundle, a JWK Set; - stands for standard input' }],
  options: CONNECTION,
  examples: [
    {
      line: 'lanyard bundle set partner.example partner.json',
      does: 'Entries with --federates partner.example get it.',
    },
  ],
  wraps: 'POST /v1/bundles',
  run: async ({ operands: [trustDomain = '', file = ''], options, io }) => {
    const bytes = file === '-' ? await io.read() : readInput(resolve(io.cwd, file), 'FILE')
    const bundle = Buffer.from(bytes).toString('utf8')
    const api = await connect(options, io)
    const reply = await api.call('POST /v1/bundles', { body: { trust_domain: trustDomain, bundle } })
    return { json: reply, text: paint => `${paint.good('set')} ${visible(reply.trust_domain)}, ${reply.updated_at}` }
  },
})

const list = command({
  name: 'bundle list',
  summary: 'List the bundles of other trust domains.',
  operands: [],
  options: CONNECTION,
  examples: [{ line: 'lanyard bundle list', does: 'Which trust domains entries can federate with.' }],
  wraps: 'GET /v1/bundles',
  run: async ({ options, io }) => {
    const api = await connect(options, io)
    const reply = await api.call('GET /v1/bundles', {})
    const rows = reply.items.map(one => [one.trust_domain, keysIn(one.bundle), one.updated_at])
    const none = rows.length === 0
    return {
      json: reply,
      text: paint => (none ? paint.faint('none') : table(['TRUST DOMAIN', 'KEYS', 'SET'], rows, paint)),
    }
  },
})

/** How many keys a bundle holds; null where it cannot be read. */
function keysIn(bundle: string): number | null {
  try {
    const { keys } = JSON.parse(bundle) as { keys?: unknown }
    return Array.isArray(keys) ? keys.length : null
  } catch {
    return null
  }
}

const remove = command({
  name: 'bundle remove',
  summary: 'Remove the bundle of another trust domain.',
  operands: [TRUST_DOMAIN],
  options: CONNECTION,
  examples: [{ line: 'lanyard bundle remove partner.example', does: 'Its agents are trusted no more.' }],
  wraps: 'DELETE /v1/bundles/{trust_domain}',
  run: async ({ operands: [trust_domain = ''], options, io }) => {
    const api = await connect(options, io)
    await api.call('DELETE /v1/bundles/{trust_domain}', { params: { trust_domain } })
    return { json: NO_REPLY, text: paint => `${paint.good('removed')} ${visible(trust_domain)}` }
  },
})

export const bundleCommands = [set, list, remove]
