// The least that an HTTPS server can do: reads the body and answers with as many bytes as an issued certificate takes.
import { createServer } from 'node:https'
import process from 'node:process'

process.once('message', ({ key, cert, bytes }: { key: string; cert: string; bytes: number }) => {
  const reply = JSON.stringify({ certificate: 'x'.repeat(bytes) })
  const server = createServer({ key, cert, minVersion: 'TLSv1.3' }, (request, response) => {
    request.resume()
    request.on('end', () => {
      response.writeHead(201, { 'content-type': 'application/json', 'content-length': reply.length })
      response.end(reply)
    })
  })
  server.listen(0, '127.0.0.1', () => {
    process.send!({ port: (server.address() as { port: number }).port })
  })
  process.on('disconnect', () => process.exit(0))
})
