/** What callers may ask of a socket before anything is known of them but their uid. */
export interface GrpcLimits {
  /** Open connections of all users together, and of one. */
  readonly connections: number
  readonly connectionsPerUid: number
  /** Connections that one user may open a second, and {@link BURST} times as many at once. */
  readonly connectionsPerSec: number
  /** Open calls of one connection, and of all connections of one user. */
  readonly callsPerConnection: number
  readonly callsPerUid: number
  /** Bytes of the headers of a call, counted as HPACK counts. */
  readonly headerBytes: number
  /** Longest request message of services that need long ones, which is discovery: Envoy lists all that it is built with. */
  readonly messageBytes: number
  /** Longest request message of all others. */
  readonly requestBytes: number
  /** Bytes of requests that have begun and not ended, of all users together, and of one. */
  readonly unreadBytes: number
  readonly unreadBytesPerUid: number
  /** From the connection to the first call. */
  readonly firstCallMs: number
  /** From the beginning of a call to the end of its request, for calls with one request. */
  readonly requestMs: number
  /** How long a connection may stay without a call. */
  readonly idleMs: number
  /** Calls that one connection may give up a second, and {@link BURST} times as many at once. */
  readonly resetsPerSec: number
}

/** Who has been quiet may do so many times what is allowed in a second. */
export const BURST = 10

export const GRPC_LIMITS: GrpcLimits = {
  connections: 4096,
  connectionsPerUid: 1024,
  connectionsPerSec: 200,
  callsPerConnection: 100,
  callsPerUid: 4096,
  headerBytes: 16 * 1024,
  messageBytes: 4 * 1024 * 1024,
  requestBytes: 64 * 1024,
  unreadBytes: 128 * 1024 * 1024,
  unreadBytesPerUid: 16 * 1024 * 1024,
  firstCallMs: 10_000,
  requestMs: 10_000,
  idleMs: 600_000,
  resetsPerSec: 50,
}
