import { createHash } from 'node:crypto'
import { connect as connectHttp2 } from 'node:http2'
import type { Socket } from 'node:net'

/** What a process got from the Workload API: identities, or a refusal with its code. */
export interface Got {
  readonly ids: readonly string[]
  /** Of the private keys, PKCS#8: SHA-256, hex. */
  readonly keys: readonly string[]
  /** Of the daemon, such as `workload_is_descendant`, or what the system said; null: it got identities. */
  readonly code: string | null
}

/** Far beyond what a busy machine takes: no theft is stopped by silence. */
const DEADLINE_MS = 60_000

interface Call {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** The message of the request, with its five bytes before it. */
  readonly request: Buffer
  read(message: Buffer): Got
}

/** FetchX509SVID of the Workload API: one empty message, no compression, length 0. */
const FETCH: Call = {
  path: '/SpiffeWorkloadAPI/FetchX509SVID',
  headers: { 'workload.spiffe.io': 'true' },
  request: Buffer.alloc(5),
  read: identitiesIn,
}

/** As Envoy asks for its certificate and key: resource_names = 3, type_url = 4 of DiscoveryRequest. No header is demanded. */
const SECRETS: Call = {
  path: '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets',
  headers: {},
  request: framed(
    Buffer.concat([
      textField(3, 'default'),
      textField(4, 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret'),
    ]),
  ),
  read: message => ({ ids: ['a secret'], keys: [String(message.length)], code: null }),
}

/** Calls over a connection, with nothing but HTTP/2, and takes the first message. */
export function ask(socket: Socket, secrets = false): Promise<Got> {
  const call = secrets ? SECRETS : FETCH
  return new Promise(resolve => {
    const session = connectHttp2('http://localhost', { createConnection: () => socket })
    const end = (got: Got) => {
      clearTimeout(timer)
      resolve(got)
      stream.destroy()
    }
    const fail = (code: string) => end({ ids: [], keys: [], code })
    const timer = setTimeout(() => fail('no_answer'), DEADLINE_MS)
    // Which of these comes first when the daemon ends a connection is chance.
    const ended = () => fail('connection_ended')
    session.on('error', ended)
    session.on('close', ended)
    const stream = session.request({
      ':method': 'POST',
      ':path': call.path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...call.headers,
    })
    stream.on('error', ended)
    const refused = (headers: Record<string, unknown>) => {
      if (headers['grpc-status'] !== undefined && headers['grpc-status'] !== '0')
        fail(codeOf(decodeURIComponent(String(headers['grpc-message'] ?? ''))))
    }
    stream.on('response', refused)
    stream.on('trailers', refused)
    let bytes = Buffer.alloc(0)
    stream.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      if (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt32BE(1))
        end(call.read(bytes.subarray(5, 5 + bytes.readUInt32BE(1))))
    })
    // Envoy's is a stream of requests, which goes on.
    if (secrets) stream.write(call.request)
    else stream.end(call.request)
  })
}

function framed(message: Buffer): Buffer {
  const before = Buffer.alloc(5)
  before.writeUInt32BE(message.length, 1)
  return Buffer.concat([before, message])
}

/** A field of text below 128 bytes. */
function textField(field: number, text: string): Buffer {
  return Buffer.concat([Buffer.of((field << 3) | 2, text.length), Buffer.from(text)])
}

const codeOf = (message: string): string => /^([a-z_0-9]+): /.exec(message)?.[1] ?? message

/** X509SVIDResponse: svids = 1, of each spiffe_id = 1 and x509_svid_key = 3. */
function identitiesIn(message: Buffer): Got {
  const svids = fieldsOf(message).filter(({ field }) => field === 1)
  const of = (field: number) => svids.map(({ value }) => fieldsOf(value).find(one => one.field === field)!.value)
  kept.push(...of(3).map(key => Buffer.from(key)))
  return {
    ids: of(1).map(id => id.toString('utf8')),
    keys: of(3).map(key => createHash('sha256').update(key).digest('hex')),
    code: null,
  }
}

/** The keys that this process has had, as an agent keeps them while it works. */
export const kept: Buffer[] = []

/** Fields of a message whose fields are all of wire type 2. */
function fieldsOf(message: Buffer): { field: number; value: Buffer }[] {
  const fields: { field: number; value: Buffer }[] = []
  for (let at = 0; at < message.length; ) {
    const [tag, afterTag] = varint(message, at)
    const [length, from] = varint(message, afterTag)
    fields.push({ field: tag >> 3, value: message.subarray(from, from + length) })
    at = from + length
  }
  return fields
}

function varint(message: Buffer, from: number): [value: number, next: number] {
  let value = 0
  for (let at = from, shift = 0; ; at++, shift += 7) {
    value += (message[at]! & 0x7f) * 2 ** shift
    if (message[at]! < 0x80) return [value, at + 1]
  }
}
