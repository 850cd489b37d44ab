/** What the daemon needs to hold keys for agents: no part of the SDK's promises. */
export type { SvidListener, SvidSource } from './identity/source.ts'
export { Svid, type SvidParts } from './identity/svid.ts'
export { chainOf } from './mtls/peer.ts'
export { readLine } from './proxy/lines.ts'
export {
  GO,
  type IdentityLine,
  type JoinedLine,
  type ListenLine,
  lineOf,
  type ProxyError,
  type ProxyRequest,
  proxyPathOf,
} from './proxy/wire.ts'
