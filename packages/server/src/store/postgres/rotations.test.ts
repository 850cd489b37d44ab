import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { startPostgres } from '../../testing/postgres.ts'
import { requireOneWinner } from '../suite/rotations.ts'
import { agent, NOW, populate } from '../suite/samples.ts'
import { openPostgresStore } from './open.ts'

const server = await startPostgres()
const clock = { now: () => Date.now() }

test('of 64 exchanges of one secret at once, on two instances, one wins', async t => {
  const url = await server.createDatabase()
  const open = () => openPostgresStore({ url, trustDomain: 'example.org', instance: randomUUID(), clock })
  const both = [await open(), await open()]
  t.after(() => Promise.all(both.map(store => store.close())))
  await populate(both[0]!)
  await requireOneWinner(both, agent(), NOW)
})
