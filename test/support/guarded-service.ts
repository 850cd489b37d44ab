// A service in a process of its own: `node guarded-service.ts '{"url": …, "rootSha256": …, "token": …, "tenant": …}'`.
// Prints where it listens as one line of JSON; ends when its standard input does.
import process from 'node:process'
import { caller, Identity, type TokenOptions, tenant } from '@lanyard/sdk'

const { tenant: of, ...options } = JSON.parse(process.argv[2]!) as TokenOptions & { readonly tenant: string }
const identity = await Identity.fromToken({ ...options, keyType: 'P-256' })
const { host, port } = await identity.serve({ allow: tenant(of) }, (request, response) => {
  if (request.url === '/stream') return void response.write('open')
  response.end(`${caller(request).id}`)
})
process.stdout.write(`${JSON.stringify({ host, port })}\n`)
process.stdin.resume().on('end', () => process.exit())
