import { after } from 'node:test'
import { type AdminCalls, adminCalls } from './admin-calls.ts'
import { federation } from './federated.ts'
import { type HttpHarness, openHttp } from './http.ts'
import { People } from './people.ts'
import { Providers } from './provider.ts'

/** A server for the tests of one file, closed behind the last of them, and calls as an admin of everything. */
export interface AdminStage extends AdminCalls {
  readonly server: HttpHarness
  /** The admin's API key. */
  readonly admin: string
}

/** Nobody's calls are counted there, unless the settings say otherwise. */
export async function adminStage({ limits, ...settings }: Parameters<typeof openHttp>[0] = {}): Promise<AdminStage> {
  const server = await openHttp({ ...settings, limits: { rate_per_minute: 0, ...limits } })
  after(() => server.close())
  const admin = await server.apiKey('admin')
  const calls = adminCalls(
    () => server,
    () => admin,
  )
  return { server, admin, ...calls }
}

/** The same, reaching providers that may vouch for the agents of tenants. */
export async function federationStage() {
  const providers = new Providers()
  const stage = await adminStage({ parts: providers.parts })
  return { ...stage, providers, ...federation(() => stage.server, stage, providers) }
}

/** The same with people and programs, who come by every method. */
export async function peopleStage() {
  let stage: AdminStage
  const people = new People(
    () => stage.server,
    () => stage.admin,
  )
  stage = await adminStage({ parts: people.parts })
  return { ...stage, people, ...federation(() => stage.server, stage, people.providers) }
}
