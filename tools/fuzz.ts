// Throws mutated inputs at every parser of strangers' bytes: `npm run fuzz [-- --minutes N --seed S --only NAME]`.
// Prints throughput; an error that is not a refusal by code ends it with the input that caused it, and exit code 1.
import process from 'node:process'
import { parseArgs } from 'node:util'
import { Fuzzer } from './fuzz/engine.ts'
import { targets } from './fuzz/targets.ts'

const { values } = parseArgs({
  options: { minutes: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' } },
})
const minutes = Number(values.minutes ?? 1)
const seed = Number(values.seed ?? Date.now() % 1_000_000)
if (!(minutes > 0) || !Number.isSafeInteger(seed)) throw new Error('expected --minutes above 0 and a whole --seed')
const chosen = targets.filter(({ name }) => values.only === undefined || name === values.only)
if (chosen.length === 0) throw new Error(`expected --only to be one of ${targets.map(({ name }) => name).join(', ')}`)

console.log(`${chosen.length} targets, ${minutes} min, --seed ${seed}`)
const fuzzers = await Promise.all(chosen.map(target => Fuzzer.start(target, seed)))
const end = performance.now() + minutes * 60_000
while (performance.now() < end && fuzzers.every(fuzzer => fuzzer.crash === null)) {
  for (const fuzzer of fuzzers) fuzzer.run(500)
}
for (const fuzzer of fuzzers) console.log(fuzzer.report())
const crashed = fuzzers.filter(fuzzer => fuzzer.crash !== null)
for (const { target, crash } of crashed)
  console.error(`\n✖ ${target.name}: input in base64 ${Buffer.from(crash!.input).toString('base64')}\n`, crash!.error)
process.exitCode = crashed.length > 0 ? 1 : 0
