import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { checkServerIdentity, connect, createServer, type PeerCertificate, type Server } from 'node:tls'
import { type Certificate, encodeBase64, encodeName, encodePem, signCertificate } from '@lanyard/protocol'
import { generateKeyNow, nodeSigner } from '@lanyard/protocol/node'

/** A chain to be judged by others. */
export interface Question {
  readonly leaf: Certificate
  readonly intermediates: readonly Certificate[]
  readonly roots: readonly Certificate[]
  readonly purpose: 'server' | 'client'
  /** A DNS name or an IP address that the leaf must be for. */
  readonly name?: string
  /** Unix seconds. */
  readonly at: number
}

/** `ok`, or why not, in the words of who was asked. */
export type Answer = string

export const pemOf = (certificates: readonly Certificate[]): string =>
  certificates.map(({ der }) => encodePem('CERTIFICATE', der)).join('')

/** Whether a tool can be asked. With CI set, one that is missing is a failure and never a silent pass. */
export function isThere(tool: string, ...version: string[]): boolean {
  const there = spawnSync(tool, version, { stdio: 'ignore' }).status === 0
  if (!there && process.env.CI) throw new Error(`${tool} is needed for second opinions and is not there`)
  return there
}

/** The `openssl` program, in its strict mode. */
export function askOpenssl({ leaf, intermediates, roots, purpose, name, at }: Question): Answer {
  const folder = mkdtempSync(join(tmpdir(), 'lanyard-openssl-'))
  try {
    const file = (label: string, certificates: readonly Certificate[]) => {
      const path = join(folder, `${label}.pem`)
      writeFileSync(path, pemOf(certificates))
      return path
    }
    const wanted = name === undefined ? [] : [/^[0-9.]+$|:/.test(name) ? '-verify_ip' : '-verify_hostname', name]
    const untrusted = intermediates.length > 0 ? ['-untrusted', file('untrusted', intermediates)] : []
    const { status, stdout, stderr } = spawnSync(
      'openssl',
      [
        ...['verify', '-x509_strict', '-purpose', purpose === 'server' ? 'sslserver' : 'sslclient'],
        ...['-no-CApath', '-no-CAstore', '-attime', String(at), '-CAfile', file('roots', roots)],
        ...[...untrusted, ...wanted, file('leaf', [leaf])],
      ],
      { encoding: 'utf8' },
    )
    return status === 0 ? 'ok' : `refused ${stdout}${stderr}`.replaceAll('\n', ' ')
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Go's crypto/x509, one process for all questions. */
export const askGo = (questions: readonly string[]): Promise<Answer[]> =>
  ask('go', ['run', '.'], 'go-verify', questions)

/** Java's CertPathValidator, one process for all questions. */
export const askJava = (questions: readonly string[]): Promise<Answer[]> =>
  ask('java', ['Verify.java'], 'java-verify', questions)

/** Python's ssl, one process for all questions: each a line with the key of the leaf behind it. */
export const askPython = (questions: readonly string[]): Promise<Answer[]> =>
  ask('python3', ['verify.py'], 'python-verify', questions)

/** A question as Go, Java and Python read it. Java judges names by {@link connectLine} alone. */
export function pathLine({ leaf, intermediates, roots, purpose, name, at }: Question, withName: boolean): string {
  const lists = [roots, intermediates, [leaf]].map(base64List)
  return ['path', purpose, withName ? (name ?? '') : '', String(at), ...lists].join('\t')
}

export const connectLine = (address: string, name: string, roots: readonly Certificate[]): string =>
  ['connect', address, name, base64List(roots)].join('\t')

const base64List = (certificates: readonly Certificate[]) => certificates.map(({ der }) => encodeBase64(der)).join(',')

// Not the synchronous way: a server that is asked about may run in this process.
async function ask(
  tool: string,
  args: readonly string[],
  folder: string,
  questions: readonly string[],
): Promise<Answer[]> {
  const child = spawn(tool, args, {
    cwd: join(import.meta.dirname, folder),
    env: { ...process.env, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local', GOPROXY: 'off' },
  })
  child.stdin.end(questions.map(line => `${line}\n`).join(''))
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  const answers = stdout.split('\n').slice(0, -1)
  if (child.exitCode === 0 && answers.length === questions.length) return answers
  throw new Error(`${tool} gave ${answers.length} answers to ${questions.length} questions: ${stderr}`)
}

/** Node's own TLS, with the OpenSSL that is built into it: the leaf presented in a handshake of the present. */
export async function askNode(question: Question, key: string): Promise<Answer> {
  return question.purpose === 'server' ? await askAsServer(question, key) : await askAsClient(question, key)
}

async function askAsServer({ leaf, intermediates, roots, name }: Question, key: string): Promise<Answer> {
  const server = createServer({ key, cert: pemOf([leaf, ...intermediates]), minVersion: 'TLSv1.3' })
  server.on('tlsClientError', () => {})
  // Without a name, the chain alone is judged. With one, the connection still goes to 127.0.0.1.
  const judge = (peer: PeerCertificate) => (name === undefined ? undefined : checkServerIdentity(name, peer))
  return await withPort(
    server,
    port =>
      new Promise(resolve => {
        const options = {
          host: '127.0.0.1',
          port,
          ca: pemOf(roots),
          checkServerIdentity: (_: string, peer: PeerCertificate) => judge(peer),
        }
        const socket = connect(options, () => {
          socket.destroy()
          resolve('ok')
        })
        socket.on('error', error => resolve(`refused ${error.message}`))
      }),
  )
}

async function askAsClient({ leaf, intermediates, roots }: Question, key: string): Promise<Answer> {
  const own = await serverOfItsOwn()
  const server = createServer({
    ...own,
    ca: pemOf(roots),
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
  })
  server.on('tlsClientError', () => {})
  return await withPort(
    server,
    port =>
      new Promise(resolve => {
        const cert = pemOf([leaf, ...intermediates])
        const socket = connect({ host: '127.0.0.1', port, key, cert, rejectUnauthorized: false })
        socket.on('error', error => resolve(`refused ${error.message}`))
        server.once('secureConnection', peer => {
          resolve(peer.authorized ? 'ok' : `refused ${peer.authorizationError}`)
          peer.destroy()
          socket.destroy()
        })
      }),
  )
}

async function withPort(server: Server, use: (port: number) => Promise<Answer>): Promise<Answer> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  try {
    return await use((server.address() as AddressInfo).port)
  } finally {
    server.close()
  }
}

/** Key and certificate of a server that nobody asks who it is. */
async function serverOfItsOwn(): Promise<{ key: string; cert: string }> {
  const privateKey = generateKeyNow('P-256')
  const signer = nodeSigner(privateKey)
  const name = encodeName([['CN', 'any']])
  const second = Math.floor(Date.now() / 1000)
  const der = await signCertificate(
    {
      serial: Uint8Array.of(1),
      issuer: name,
      subject: name,
      notBefore: second - 60,
      notAfter: second + 600,
      spki: signer.spki,
      extensions: [],
    },
    signer,
  )
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, cert: encodePem('CERTIFICATE', der) }
}

/** Runs `openssl` with nothing to read, and gives its exit code. */
export async function runOpenssl(args: readonly string[]): Promise<number> {
  const child = spawn('openssl', args, { stdio: ['ignore', 'ignore', 'ignore'] })
  const [code] = await once(child, 'close')
  return code
}
