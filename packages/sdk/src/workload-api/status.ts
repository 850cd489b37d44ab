import { IdentityError } from '../errors.ts'

/** Codes of gRPC that the Workload API gives a meaning to. */
export const GRPC = {
  ok: 0,
  invalidArgument: 3,
  permissionDenied: 7,
  unimplemented: 12,
  unavailable: 14,
} as const

/** There is no identity for this program at present: what it had was taken back. */
export class Withheld extends IdentityError {}

/** At the start these are mistakes, not weather: whoever waits for a first answer waits no longer. */
export const MISTAKES: ReadonlySet<string> = new Set(['workload_api_untrusted', 'workload_api_reply_invalid'])

/** A code of Lanyard's daemon before what it says: `workload_is_descendant: …`. */
const CODED = /^([a-z][a-z0-9]*(?:_[a-z0-9]+)+): /
const EXPLAIN = '`lanyard entry explain --pid` on the machine says why; else see the log of the daemon.'

/**
 * What a status that is not OK means. A daemon of Lanyard says more precisely why there is no identity; then its code is
 * the code of the error.
 */
export function errorOf(status: number, message: string): IdentityError {
  const detail = textOf(message).slice(0, 1_000) || 'no reason given'
  switch (status) {
    case GRPC.invalidArgument:
      return new IdentityError('workload_api_refused', detail)
    case GRPC.permissionDenied: {
      const code = CODED.exec(detail)?.[1]
      return code === undefined || code === 'no_identity'
        ? new Withheld('no_identity', detail)
        : new Withheld(code, detail, { remedy: EXPLAIN })
    }
    case GRPC.unimplemented:
      return new IdentityError('workload_api_unsupported', detail)
    default:
      return new IdentityError('workload_api_unavailable', `${detail} (status ${status})`)
  }
}

/** gRPC over HTTP/2: the message is percent-encoded; what is not stays as it is. */
function textOf(message: string): string {
  const bytes: number[] = []
  for (let at = 0; at < message.length; at++) {
    const hex = message[at] === '%' ? /^[0-9a-fA-F]{2}/.exec(message.slice(at + 1))?.[0] : undefined
    if (hex === undefined) bytes.push(...Buffer.from(message[at]!))
    else {
      bytes.push(Number.parseInt(hex, 16))
      at += 2
    }
  }
  return Buffer.from(bytes).toString('utf8')
}
