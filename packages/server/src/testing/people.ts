import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { AgentKey } from '@lanyard/authority'
import type { HttpParts } from '../http/ports.ts'
import type { Answer, CallOptions } from './client.ts'
import { ClientAuthority } from './client-authority.ts'
import type { HttpHarness } from './http.ts'
import { AUDIENCE, type Claims, Providers, type TestProvider } from './provider.ts'

/** Providers that also answer for opaque tokens (RFC 7662), at `<issuer>/introspect`. */
export class Introspecting extends Providers {
  readonly #claims = new Map<string, Claims>()
  /** Where which token was shown. */
  readonly shown: { readonly url: string; readonly token: string; readonly authorization: string | undefined }[] = []

  /** An opaque token that only this issuer knows; for us, unless its claims say otherwise. */
  opaque(issuer: string, claims: Claims): string {
    const token = `opaque-${randomUUID()}`
    this.#claims.set(`${issuer}/introspect ${token}`, { aud: AUDIENCE, ...claims })
    return token
  }

  /** The authorization server ended it. */
  revoke(issuer: string, token: string): void {
    this.#claims.delete(`${issuer}/introspect ${token}`)
  }

  override async ask(request: { url: string; form?: Readonly<Record<string, string>>; authorization?: string }) {
    const { url, form, authorization } = request
    if (!url.endsWith('/introspect')) return await super.ask(request)
    const token = form?.token ?? ''
    this.shown.push({ url, token, authorization })
    const claims = this.#claims.get(`${url} ${token}`)
    return { text: JSON.stringify(claims === undefined ? { active: false } : { active: true, ...claims }) }
  }
}

/** Whom a role is given to, as the API takes it. */
export interface Bindee {
  readonly kind: 'user' | 'group' | 'spiffe-id' | 'certificate'
  readonly issuer?: string
  readonly value: string
}

/** Where a role is given. */
export interface Where {
  readonly tenant?: string
  readonly agents?: string
  readonly expires_in_sec?: number
}

/** An issuer of people, as it is configured. */
export interface TestIssuer {
  readonly id: string
  readonly provider: TestProvider
}

/** People and programs, with every method that they can come by, on a server. */
export class People {
  readonly providers = new Introspecting()
  readonly operators = ClientAuthority.root('Operators of Acme')
  readonly #server: () => HttpHarness
  readonly #admin: () => string

  constructor(server: () => HttpHarness, admin: () => string) {
    this.#server = server
    this.#admin = admin
  }

  readonly parts = (parts: HttpParts): HttpParts => ({
    ...this.providers.parts(parts),
    operatorCa: [this.operators.certificate],
  })

  /** Calls as an admin of all; must succeed. */
  async done(line: string, body?: object): Promise<Answer['body']> {
    const answer = await this.#server().call(line, { token: this.#admin(), ...(body === undefined ? {} : { body }) })
    assert.ok(answer.status < 300, `${line}: ${answer.text}`)
    return answer.body
  }

  /** Lets a new provider vouch: of a tenant, or of all where none is given. */
  async issuer(tenant?: string, settings: object = {}): Promise<TestIssuer> {
    const provider = await this.providers.make(`https://${randomUUID()}.test`)
    return { provider, id: await this.configured(provider, tenant, settings) }
  }

  /** Configures a provider; gives the id of the issuer. */
  async configured(provider: TestProvider, tenant?: string, settings: object = {}): Promise<string> {
    const introspection = { url: `${provider.issuer}/introspect`, client_id: 'lanyard' }
    const body = {
      ...{ issuer: provider.issuer, audiences: [provider.audience], introspection, introspection_secret: 'pssst' },
      ...(tenant === undefined ? {} : { tenant }),
      ...settings,
    }
    return (await this.done('POST /v1/access/issuers', body)).id
  }

  /** Gives a role; gives the id of the binding. */
  async bind(bindee: Bindee, role: string, where: Where = {}): Promise<string> {
    return (await this.done('POST /v1/access/bindings', { ...bindee, role, ...where })).id
  }

  /** The client certificate of an operator. */
  certificate(subject: string): CallOptions {
    return { tls: this.operators.client({ subject, names: { dns: [`${subject}.ops.test`] } }) }
  }

  /** By a JWT, of a person with a role. */
  async jwt({ id, provider }: TestIssuer, role: string, where: Where = {}): Promise<CallOptions> {
    const sub = randomUUID()
    await this.bind({ kind: 'user', issuer: id, value: sub }, role, where)
    return { token: await provider.sign({ sub, exp: Math.floor(this.#server().clock.now() / 1000) + 3600 }) }
  }

  /** One of each method, with a role. The introspecting issuer is the only one of its scope. */
  async each(issuer: TestIssuer, agent: AgentKey, role: string, where: Where = {}): Promise<Methods> {
    const opaque = randomUUID()
    await this.bind({ kind: 'user', issuer: issuer.id, value: opaque }, role, where)
    const operator = `op-${randomUUID()}`
    await this.bind({ kind: 'certificate', value: `dn:CN=${operator}` }, role, where)
    const server = this.#server()
    const held = await server.certificate(agent)
    const { spiffeId } = (await server.pipeline.store.read(() => server.pipeline.rows.agents.find(agent)))!
    await this.bind({ kind: 'spiffe-id', value: spiffeId }, role, where)
    const iss = issuer.provider.issuer
    return {
      jwt: await this.jwt(issuer, role, where),
      introspection: { token: this.providers.opaque(iss, { iss, sub: opaque }) },
      certificate: this.certificate(operator),
      svid: { tls: held },
    }
  }
}

export type Methods = Readonly<Record<'jwt' | 'introspection' | 'certificate' | 'svid', CallOptions>>
