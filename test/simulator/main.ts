// The protocol of kill, issue, renewal, reinstatement, feed and staleness, tried: `npm run simulate -- --seed S --minutes M`.
import process from 'node:process'
import { parseArgs } from 'node:util'
import { explore } from './explore.ts'
import { SMALL_CASES } from './small-cases.ts'
import { type Told, World } from './world.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    /** Simulated minutes of each seed. */
    minutes: { type: 'string', default: '5' },
    /** How many seeds, from the first one on. */
    seeds: { type: 'string', default: '1' },
    /** Prints everything that happens. */
    trace: { type: 'boolean', default: false },
  },
})
const [seed, minutes, seeds] = [values.seed, values.minutes, values.seeds].map(Number) as [number, number, number]
if (![seed, minutes, seeds].every(number => Number.isFinite(number) && number > 0))
  throw new TypeError('expected --seed, --minutes and --seeds as numbers above 0')

const begun = performance.now()
if (!values.trace) exhaust()
const told = Array.from({ length: seeds }, (_, i) => simulate(seed + i))
sum(told)

/** Every order of the small cases. */
function exhaust(): void {
  let all = 0
  for (const [name, make] of Object.entries(SMALL_CASES)) {
    const { states, transitions, ends, longest } = explore(() => make())
    all += states
    console.log(
      `${String(states).padStart(7)} states, ${transitions} transitions, ${ends} ends, ${longest} deep: ${name}`,
    )
  }
  console.log(`${String(all).padStart(7)} states in all, every order of them tried: no violation\n`)
}

function simulate(one: number): Told {
  const world = new World(one, {}, values.trace ? line => console.log(line) : null)
  const result = world.run(minutes)
  const { accepted, dead, stale, expired } = result.answers
  console.log(
    `seed ${one}: ${result.moments} moments, ${result.statements} statements, ${result.kills} kills, ` +
      `${accepted} accepted, ${dead} refused as dead, ${stale} as stale, ${expired} as expired, ` +
      `${result.regressions} feeds fell back, last accept ${result.latestAccept.toFixed(0)} ms after the commit, ` +
      `trace ${result.digest.slice(0, 16)}`,
  )
  return result
}

function sum(all: readonly Told[]): void {
  const total = (of: (one: Told) => number) => all.reduce((before, one) => before + of(one), 0)
  const calls = total(({ answers }) => Object.values(answers).reduce((a, b) => a + b, 0))
  const seconds = ((performance.now() - begun) / 1000).toFixed(1)
  console.log(
    `\n${all.length} seeds of ${minutes} simulated minutes in ${seconds} s: ${total(one => one.moments)} moments, ` +
      `${total(one => one.kills)} kills, ${calls} calls, no violation; ` +
      `last accept of the dead at most ${Math.max(...all.map(one => one.latestAccept)).toFixed(0)} ms after the commit`,
  )
  process.exitCode = 0
}
