// Opens a data folder as the server does, says so, and waits to be killed: for open-data.test.ts.
import { randomBytes } from 'node:crypto'
import { serverConfig } from '../config.ts'
import { openAuthorities } from './open-authorities.ts'
import { openData } from './open-data.ts'
import { readSetup } from './setup.ts'

const clock = { now: () => Date.now() }
const setup = readSetup(serverConfig({ data: process.argv[2]! }), process.env)
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const dice = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }
await openAuthorities(await openData(setup, clock), setup, { clock, dice, log: quiet })
process.stdout.write('open\n')
setInterval(() => {}, 60_000)
