import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressRules } from './address-rules.ts'
import { destinationOf } from './destination.ts'
import { OutboundError } from './ports.ts'

const judge = addressRules([])
const nobody = () => Promise.reject(new Error('ENOTFOUND'))
const codeOf = (url: string, resolve: (host: string) => Promise<readonly string[]> = nobody) =>
  destinationOf(url, judge, resolve).then(
    () => 'allowed',
    (error: unknown) => (error instanceof OutboundError ? error.code : error),
  )

const FORBIDDEN = [
  'http://example.org/',
  'ftp://example.org/',
  'file:///etc/passwd',
  'data:application/json,{}',
  'gopher://example.org/',
  'https://user@example.org/',
  'https://user:password@example.org/',
  'https://example.org/#fragment',
  'https://example.org./',
  `https://example.org/${'a'.repeat(2048)}`,
  'not a URL',
  '',
  // Each of these is a loopback or metadata address once a browser, and so Node, has read it.
  'https://127.0.0.1/',
  'https://127.1/',
  'https://2130706433/',
  'https://0x7f000001/',
  'https://0177.0.0.1/',
  'https://0/',
  'https://%31%32%37.0.0.1/',
  'https://127。0。0。1/',
  'https://①②⑦.0.0.1/',
  'https://[::1]/',
  'https://[::ffff:7f00:1]/',
  'https://[::ffff:169.254.169.254]/latest/meta-data',
  'https://169.254.169.254/latest/meta-data',
  'https://[fd00:ec2::254]/',
  'https://10.0.0.1:8443/',
  'https:\\\\127.0.0.1/',
  'https://\t127.0.0.1/',
]

test('a URL that leads to a forbidden place is refused before anybody is asked', async () => {
  for (const url of FORBIDDEN) assert.equal(await codeOf(url), 'forbidden', url)
})

const NAMES: [why: string, addresses: readonly string[], code: string][] = [
  ['a public address', ['93.184.215.14'], 'allowed'],
  ['public addresses of both families', ['93.184.215.14', '2606:2800:21f:cb07:6820:80da:af6b:8b2c'], 'allowed'],
  ['loopback', ['127.0.0.1'], 'forbidden'],
  ['loopback of IPv6', ['::1'], 'forbidden'],
  ['metadata', ['169.254.169.254'], 'forbidden'],
  ['one private address among public ones', ['93.184.215.14', '10.0.0.1'], 'forbidden'],
  ['a public address, and loopback of the other family', ['93.184.215.14', '::1'], 'forbidden'],
  ['an IPv4 address in IPv6', ['::ffff:127.0.0.1'], 'forbidden'],
  ['a neighbour', ['fe80::1%eth0'], 'forbidden'],
  ['what is no address', ['elsewhere.example'], 'forbidden'],
  ['nothing', [], 'unreachable'],
  ['too many', Array.from({ length: 33 }, (_, at) => `93.184.215.${at}`), 'unreachable'],
]

for (const [why, addresses, code] of NAMES)
  test(`a name of ${why}: ${code}`, async () => {
    assert.equal(await codeOf('https://idp.example/', async () => addresses), code)
  })

test('a refusal says what is wrong, and tells no address of anybody', async () => {
  await assert.rejects(
    destinationOf('https://intranet.example/', judge, async () => ['10.20.30.40']),
    ({ message }: Error) =>
      message.includes('private') && message.includes('intranet.example') && !/10\.20/.test(message),
  )
})

test('an address in the URL is asked of nobody', async () => {
  const { addresses, host } = await destinationOf('https://[2606:4700::1111]:444/', judge, nobody)
  assert.deepEqual([host, addresses], ['2606:4700::1111', ['2606:4700::1111']])
})
