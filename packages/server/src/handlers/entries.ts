import type { Handlers, NewEntry, Routes } from '@lanyard/api'
import {
  type Act,
  type Caller,
  createEntries,
  deleteEntry,
  exclusive,
  requireEntry,
  requireName,
  type Step,
  updateEntry,
} from '@lanyard/authority'
import type { HandlerPorts } from '../http/ports.ts'
import { type AnyCall, act, tenantOfList } from './call.ts'
import type { Cursors } from './cursor.ts'
import { entryInput, settingsOf, showEntry } from './entry-form.ts'

type Mine = 'createEntry' | 'createEntries' | 'listEntries' | 'getEntry' | 'updateEntry' | 'deleteEntry'

/** Registration entries. */
export function entryHandlers(ports: HandlerPorts, cursors: Cursors): Pick<Handlers<Routes, Caller>, Mine> {
  const { store, rows, authorities, dnsSuffixes, ownHosts, nodeNews } = ports
  const rules = { dnsSuffixes, ownHosts, trustDomain: authorities.trustDomain }

  async function create(call: AnyCall, news: readonly NewEntry[]) {
    const inputs = await Promise.all(news.map(entry => entryInput(ports, call.caller, entry)))
    const locks = exclusive(...new Set(inputs.map(({ tenant }) => tenant)))
    const made = await act(ports, call, locks, told => createEntries(rows, inputs, rules, told))
    nodeNews.tell()
    return made.map(showEntry)
  }

  /** Does something to an entry, under the locks of its tenant, which never changes. */
  async function change<T>(call: AnyCall, id: string, step: (told: Act) => Step<T>): Promise<T> {
    const { tenant } = await store.read(() => requireEntry(rows, id, call))
    const done = await act(ports, call, exclusive(tenant), step)
    nodeNews.tell()
    return done
  }

  return {
    async createEntry(call) {
      return (await create(call, [call.body]))[0]!
    },

    async createEntries(call) {
      return { items: await create(call, call.body.entries) }
    },

    async listEntries({ query, caller }) {
      const { limit, cursor, ...asked } = query
      if (asked.agent !== undefined) requireName('agent', asked.agent)
      const filter = { ...asked, tenant: await tenantOfList(ports, caller, asked.tenant) }
      const list = { route: 'listEntries', tenant: caller.tenant, filter } as const
      const page = cursors.page(list, { limit, cursor })
      return cursors.reply(list, await store.read(() => rows.entries.list(filter, page)), showEntry)
    },

    async getEntry({ params, caller }) {
      return showEntry(await store.read(() => requireEntry(rows, params.id, { caller })))
    },

    async updateEntry(call) {
      const { id } = call.params
      const { revision, ...settings } = call.body
      const wished = { ...settingsOf(settings), revision }
      return showEntry(await change(call, id, told => updateEntry(rows, id, wished, rules, told)))
    },

    async deleteEntry(call) {
      const { id } = call.params
      await change(call, id, told => deleteEntry(rows, id, told))
      return undefined
    },
  }
}
