import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ProtocolError } from '@lanyard/protocol'
import { Fuzzer, type FuzzTarget } from './engine.ts'
import { Dice, mutate } from './mutate.ts'
import { targets } from './targets.ts'

const seeds = () => [Buffer.from('a good input')]
const refuse: FuzzTarget['run'] = () => {
  throw new ProtocolError('der_truncated', 'refused')
}

describe('fuzzing', () => {
  for (const target of targets)
    it(`finds nothing in ${target.name} within 3,000 inputs`, async () => {
      const fuzzer = await Fuzzer.start(target, 1)
      assert.ok(fuzzer.outcomes.has('accepted'), 'expected a good input to begin with')
      fuzzer.run(3000)
      assert.equal(fuzzer.crash, null, Buffer.from(fuzzer.crash?.input ?? []).toString('base64'))
      assert.ok(fuzzer.outcomes.size > 1, 'expected some inputs to be refused')
    })

  it('finds an error that is no refusal, and keeps its input', async () => {
    const run = (input: Uint8Array) => assert.notEqual(input.length, 5)
    const fuzzer = await Fuzzer.start({ name: 'five', seeds, run }, 1)
    fuzzer.run(10_000)
    assert.equal(fuzzer.crash?.input.length, 5)
  })

  it('finds nothing where all is refused', async () => {
    const fuzzer = await Fuzzer.start({ name: 'refused', seeds, run: refuse }, 1)
    fuzzer.run(100)
    assert.equal(fuzzer.crash, null)
    assert.equal(fuzzer.outcomes.get('der_truncated'), 101)
    assert.match(fuzzer.report(), /101 inputs, .* 1 codes/)
  })

  it('repeats itself with the same seed', () => {
    const input = Buffer.from('0123456789')
    const changes = (seed: number) => {
      const dice = new Dice(seed)
      return Array.from({ length: 50 }, () => Buffer.from(mutate(input, input, dice)).toString('hex'))
    }
    assert.deepEqual(changes(7), changes(7))
    assert.notDeepEqual(changes(7), changes(8))
  })
})
