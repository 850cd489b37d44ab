import { randomUUID } from 'node:crypto'
import { startPostgres } from '../../testing/postgres.ts'
import { storeSuite } from '../store.suite.ts'
import { NOW } from '../suite/samples.ts'
import { openPostgresStore } from './open.ts'

const server = await startPostgres()

storeSuite('PostgreSQL', () => {
  const instance = randomUUID()
  let url: string | null = null
  return {
    async open() {
      url ??= await server.createDatabase()
      return await openPostgresStore({ url, trustDomain: 'example.org', instance, clock: { now: () => NOW } })
    },
    keeps: true,
    remove: () => {},
  }
})
