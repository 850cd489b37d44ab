import { createInterface } from 'node:readline'
import { processOfPid } from '../../../peer/index.ts'
import { systemdAttestor } from '../index.ts'

/** Examines the processes whose numbers it reads, in the namespaces that it was put in, and writes what it finds. */
const attestor = systemdAttestor()
createInterface({ input: process.stdin }).on('line', async line => {
  const held = processOfPid(Number(line))
  console.log(JSON.stringify(await attestor.examine(held)))
  held.release()
})
console.log('ready')
