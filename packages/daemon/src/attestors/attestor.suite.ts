import assert from 'node:assert/strict'
import { test } from 'node:test'
import { processOfPid } from '../peer/index.ts'
import { start } from '../peer/testing/peers.ts'
import type { Attestor, Finding } from '../ports.ts'
import { FakeProcess } from '../testing/process.ts'

/** What is asked of every attestor. */
export function attestorSuite(name: string, make: () => Attestor): void {
  test(`${name}: its selectors are its own, and can stand in an entry`, async () => {
    const held = processOfPid(process.pid)
    const { selectors } = await make().examine(held)
    held.release()
    for (const selector of selectors) {
      assert.ok(selector.startsWith(`${name}:`), selector)
      assert.match(selector, /^[a-z]+:[a-z0-9_]+:.+$/)
      assert.ok(selector.length <= 512)
    }
    assert.equal(new Set(selectors).size, selectors.length)
  })

  test(`${name}: two looks at one process find the same`, async () => {
    using child = start('sleep', ['60'])
    const [held, attestor] = [processOfPid(child.pid), make()]
    assert.deepEqual(await attestor.examine(held), await attestor.examine(held))
    held.release()
  })

  test(`${name}: of a process that is no more nothing is found, or workload_gone`, async () => {
    const nobody = new FakeProcess(2 ** 30)
    const found = await make()
      .examine(nobody)
      .catch((error: { code: string }) => error.code)
    assert.ok(found === 'workload_gone' || (found as Finding).selectors.length === 0, String(found))
  })
}
