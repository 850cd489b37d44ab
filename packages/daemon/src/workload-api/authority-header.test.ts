import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { SpiffeWorkloadAPI } from '../../gen/workload_pb.js'
import { HEADER, world } from './world.suite.ts'

const { fetchX509SVID } = SpiffeWorkloadAPI.method
const AGENT = { tenant: 'acme', agent: 'invoice-bot' }
const NAME = 'lanyard-authority'

const named: readonly (readonly [settings: string, said: string])[] = [
  ['https://id.example.org:8443', 'https://id.example.org:8443/'],
  ['https://id.example.org:8443/', 'https://id.example.org:8443/'],
  ['https://[::1]:8443/lanyard', 'https://[::1]:8443/lanyard'],
  ['https://user:secret@id.example.org/?a=b#c', 'https://id.example.org/'],
  ['https://bücher.example/ä b,c', 'https://xn--bcher-kva.example/%C3%A4%20b%2Cc'],
]

for (const [authority, said] of named)
  test(`whoever gets an identity is told of ${authority}`, async t => {
    const { workloads, client } = await world(t, { authority })
    workloads.give('anyone', AGENT)
    const call = client.call(fetchX509SVID, {}, HEADER)
    const [headers] = await once(call.raw.stream, 'response')
    assert.equal(headers[NAME], said)
    await call.next()
    workloads.rotate()
    await call.next()
  })

test('whoever gets none is told nothing, and so is everyone of a daemon without an authority', async t => {
  const refusing = await world(t, { authority: 'https://id.example.org' })
  refusing.workloads.withdraw('anyone', 'no_identity', 'not registered')
  const silent = await world(t)
  silent.workloads.give('anyone', AGENT)
  for (const { client } of [refusing, silent]) {
    const [headers] = await once(client.call(fetchX509SVID, {}, HEADER).raw.stream, 'response')
    assert.equal(headers[NAME], undefined)
  }
})
