// Records certificates as fast as it can and says so, line by line, until it is killed: `kill.child.ts PATH FIRST`.
import { writeSync } from 'node:fs'
import { shared } from '@lanyard/authority'
import { certificate, idOf, NOW, populate } from '../suite/samples.ts'
import { openSqliteStore } from './open.ts'

const [path, first] = process.argv.slice(2)
const open = await openSqliteStore({ path: path!, trustDomain: 'example.org', clock: { now: () => NOW } })
const { store, rows } = open
if (!(await store.read(() => rows.tenants.find('acme')))) await populate(open)

async function record(number: number): Promise<void> {
  await store.write(() => rows.certificates.insert(certificate(number)), shared())
  // Not console.log: what is acknowledged must have left this process before it can be killed.
  writeSync(1, `${idOf(number)}\n`)
}

for (let number = Number(first); ; number += 48) {
  await Promise.all(Array.from({ length: 48 }, (_, index) => record(number + index)))
}
