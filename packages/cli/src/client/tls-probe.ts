import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'

const SILENCE_MS = 5000

/** Connects as told and gives what `look` sees; throws what the handshake ended with. The server is not believed. */
async function withTls<T>(
  url: URL,
  options: ConnectionOptions,
  look: (socket: TLSSocket) => T | Promise<T>,
  silenceMs = SILENCE_MS,
): Promise<T> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const servername = /^[\d.]+$|:/.test(host) ? {} : { servername: host }
  const socket = connect({ host, port: Number(url.port || 443), ...servername, rejectUnauthorized: false, ...options })
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve)
      socket.once('error', reject)
      // Also of one that shakes hands and then says nothing.
      socket.setTimeout(silenceMs, () => socket.destroy(new Error(`nothing came for ${silenceMs / 1000} s`)))
    })
    return await look(socket)
  } finally {
    socket.on('error', () => undefined)
    socket.destroy()
  }
}

/** Whether a handshake that offers nothing but TLS 1.2 succeeds. */
export const acceptsTls12 = (url: URL): Promise<boolean> =>
  succeeds(url, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })

/** Whether a handshake that offers nothing but this group succeeds. */
export const acceptsGroup = (url: URL, group: string): Promise<boolean> => succeeds(url, { ecdhCurve: group })

async function succeeds(url: URL, options: ConnectionOptions): Promise<boolean> {
  try {
    return await withTls(url, options, () => true)
  } catch {
    return false
  }
}

/**
 * Whether the server answers on a resumed session. That it hands out tickets tells nothing: OpenSSL sends some also
 * where resumption is off, and what counts is whether they are good for anything.
 */
export async function resumes(url: URL, silenceMs?: number): Promise<boolean> {
  const { session } = await askHealth(url, {}, silenceMs)
  return session !== null && (await askHealth(url, { session }, silenceMs)).answeredOnResumed
}

function askHealth(url: URL, options: ConnectionOptions, silenceMs: number | undefined) {
  const wanted = { ...options, minVersion: 'TLSv1.3', ALPNProtocols: ['http/1.1'] } as const
  const look = async (socket: TLSSocket) => {
    const reused = socket.isSessionReused()
    let session: Buffer | null = null
    let answered = false
    socket.on('session', given => {
      session = given
    })
    socket.on('data', () => {
      answered = true
    })
    socket.on('error', () => undefined)
    socket.end(`GET /healthz HTTP/1.1\r\nHost: ${url.host}\r\nConnection: close\r\n\r\n`)
    await new Promise(resolve => socket.once('close', resolve))
    return { session: session as Buffer | null, answeredOnResumed: reused && answered }
  }
  return withTls(url, wanted, look, silenceMs)
}

/** What the server shows, leaf first, DER. */
export function shownChain(url: URL): Promise<Uint8Array[]> {
  return withTls(url, {}, socket => {
    const chain: Uint8Array[] = []
    // Node gives the issuer of each, and the last one as its own.
    for (let peer = socket.getPeerCertificate(true); peer?.raw; peer = peer.issuerCertificate) {
      if (chain.some(der => peer.raw.equals(der))) break
      chain.push(peer.raw)
    }
    return chain
  })
}
