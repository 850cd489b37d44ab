// Calls the Workload API by the gRPC implementation that most programs in JavaScript use, which is not the one that the
// daemon serves with. Prints JSON, one object per line.
import { credentials, loadPackageDefinition, Metadata, status } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

const [proto, socket] = process.argv.slice(2)
const { SpiffeWorkloadAPI } = loadPackageDefinition(loadSync(proto, { keepCase: true }))
const client = new SpiffeWorkloadAPI(socket, credentials.createInsecure())

const header = (...values) => {
  const metadata = new Metadata()
  for (const value of values) metadata.add('workload.spiffe.io', value)
  return metadata
}
const nameOf = code => Object.keys(status).find(name => status[name] === code)

/** The first message of a stream, or the name of the code that it ended with. */
const first = call =>
  new Promise(resolve => {
    call.on('data', message => {
      resolve({ message })
      call.cancel()
    })
    call.on('error', ({ code, details }) => resolve({ code: nameOf(code), details }))
    call.on('end', () => resolve({ code: 'OK' }))
  })
const unary = (method, request, metadata = header('true')) =>
  new Promise(resolve =>
    client[method](request, metadata, (error, message) =>
      resolve(error ? { code: nameOf(error.code), details: error.details } : { message }),
    ),
  )
const codeOf = ({ code }) => code ?? 'OK'

const x509 = await first(client.FetchX509SVID({}, header('true')))
if (!x509.message) {
  console.log(JSON.stringify({ error: x509.details, code: x509.code }))
  process.exit(1)
}
const svids = x509.message.svids
const bundles = await first(client.FetchX509Bundles({}, header('true')))
const jwtBundles = await first(client.FetchJWTBundles({}, header('true')))
const jwt = await unary('FetchJWTSVID', { audience: ['service'] })
const token = jwt.message?.svids[0]?.svid
const valid = await unary('ValidateJWTSVID', { audience: 'service', svid: token })
console.log(
  JSON.stringify({
    svids: svids.map(({ spiffe_id, hint, x509_svid, x509_svid_key }) => ({
      id: spiffe_id,
      hint,
      bytes: [x509_svid.length, x509_svid_key.length],
    })),
    bundles: {
      x509: Object.keys(bundles.message?.bundles ?? {}),
      jwt: Object.keys(jwtBundles.message?.bundles ?? {}),
    },
    jwt: { id: jwt.message?.svids[0]?.spiffe_id, validated: valid.message?.spiffe_id, claims: valid.message?.claims },
    codes: {
      noHeader: codeOf(await first(client.FetchX509SVID({}, new Metadata()))),
      twoHeaders: codeOf(await first(client.FetchX509SVID({}, header('true', 'true')))),
      wrongHeader: codeOf(await first(client.FetchX509SVID({}, header('false')))),
      noAudience: codeOf(await unary('FetchJWTSVID', {})),
      foreignId: codeOf(await unary('FetchJWTSVID', { audience: ['a'], spiffe_id: 'spiffe://example.org/nobody' })),
      badToken: codeOf(await unary('ValidateJWTSVID', { audience: 'service', svid: 'rubbish' })),
      otherAudience: codeOf(await unary('ValidateJWTSVID', { audience: 'other', svid: token })),
    },
  }),
)
client.close()
