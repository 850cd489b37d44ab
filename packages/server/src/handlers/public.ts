import { type Handlers, LanyardError, openApi, type Routes, routes } from '@lanyard/api'
import type { Caller } from '@lanyard/authority'
import { documentOf } from '../http/document.ts'
import type { HandlerPorts } from '../http/ports.ts'

type Mine = 'getBundle' | 'getJwks' | 'getRootPem' | 'getOpenApi' | 'healthz' | 'readyz'

const OK = Object.freeze({ status: 'ok' } as const)
const READY = Object.freeze({ status: 'ready' } as const)

/** What anyone may read. `ready` is false while the instance starts or stops. */
export function publicHandlers(ports: HandlerPorts, ready: () => boolean): Pick<Handlers<Routes, Caller>, Mine> {
  const { authorities, store, rows } = ports
  const document = documentOf(JSON.stringify(openApi(routes)))
  const bundle = parsedOnce()
  const jwks = parsedOnce()
  return {
    getBundle: () => bundle(authorities.bundle().toJson()),
    getJwks: () => jwks(authorities.jwksJson()),
    getRootPem: () => authorities.rootsPem(),
    getOpenApi: () => document,
    healthz: () => OK,
    async readyz() {
      if (!ready()) throw new LanyardError('not_ready', 'this instance is starting, stopping or cannot sign')
      await store.read(() => rows.epoch.current())
      return READY
    },
  }
}

/** The object that a text says, the same one for the same text. */
function parsedOnce(): (text: string) => Record<string, unknown> {
  let last: { readonly text: string; readonly value: Record<string, unknown> } | null = null
  return text => {
    if (last?.text !== text) last = { text, value: documentOf(text) }
    return last.value
  }
}
