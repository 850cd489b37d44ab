// The least that an HTTPS server can do, for comparison: reads the body and answers with as many bytes as an issued
// certificate takes; with `work`, after the three crypto operations of issuing and a durable insert, shared by those that
// wait. It checks nothing, keeps no books and knows no agents.
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { createServer } from 'node:https'
import process from 'node:process'
import { DatabaseSync } from 'node:sqlite'
import { parseCsr } from '@lanyard/protocol'

interface Start {
  readonly key: string
  readonly cert: string
  readonly bytes: number
  /** Does the work of issuing for this request, DER, and inserts into this file. */
  readonly work?: { readonly csr: Uint8Array; readonly file: string }
}

process.once('message', ({ key, cert, bytes, work }: Start) => {
  const reply = JSON.stringify({ certificate: 'x'.repeat(bytes) })
  const issue = work ? worker(work.csr, work.file) : async () => {}
  const server = createServer({ key, cert, minVersion: 'TLSv1.3' }, (request, response) => {
    request.resume()
    request.on('end', async () => {
      await issue()
      response.writeHead(201, { 'content-type': 'application/json', 'content-length': reply.length })
      response.end(reply)
    })
  })
  server.listen(0, '127.0.0.1', () => {
    process.send?.({ port: (server.address() as { port: number }).port })
  })
  process.on('disconnect', () => process.exit(0))
})

function worker(csr: Uint8Array, file: string): () => Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const token = new Uint8Array(400)
  const tokenSignature = sign('sha256', token, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  const request = parseCsr(csr)
  const requestKey = createPublicKey({ key: Buffer.from(request.publicKey.der), format: 'der', type: 'spki' })
  const insert = inserter(file)
  const tbs = new Uint8Array(500)
  return () => {
    verify('sha256', token, { key: publicKey, dsaEncoding: 'ieee-p1363' }, tokenSignature)
    verify('sha256', request.info, requestKey, request.signature)
    sign('sha256', tbs, privateKey)
    return insert()
  }
}

function inserter(file: string): () => Promise<void> {
  const database = new DatabaseSync(file)
  database.exec(
    'PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB)',
  )
  const statement = database.prepare('INSERT INTO rows (body) VALUES (?)')
  let waiting: (() => void)[] = []
  const flush = () => {
    const group = waiting
    waiting = []
    database.exec('BEGIN')
    for (const _ of group) statement.run(new Uint8Array(200))
    database.exec('COMMIT')
    for (const done of group) done()
  }
  return () =>
    new Promise(resolve => {
      if (waiting.push(resolve) === 1) setImmediate(flush)
    })
}
