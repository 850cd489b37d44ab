import assert from 'node:assert/strict'
import { after as afterAll, before, describe, test } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import type { Bus } from './bus.ts'

/** What a bus of one kind runs on. */
export interface BusGround {
  /** The bus of another instance. */
  instance(): Bus
  /** What instances do that have committed an epoch. */
  tell(epoch: number): Promise<void>
  /** Puts on the wire what no instance sends. */
  babble?: (message: string) => Promise<void>
  /** Takes away what carries it, and brings it back. */
  outage?: { begin(): Promise<void>; end(): Promise<void> }
  close(): Promise<void>
}

/** What cannot happen to a bus: that others write there, that it goes away. */
export type Impossible = 'babble' | 'outage'

/** One who hears what a bus tells. */
class Hearer {
  readonly heard: number[] = []
  readonly end: () => void
  #waiting: (() => void)[] = []

  constructor(bus: Bus) {
    this.end = bus.subscribe(epoch => {
      this.heard.push(epoch)
      for (const wake of this.#waiting.splice(0)) wake()
    })
  }

  async until(epoch: number): Promise<void> {
    while (!this.heard.includes(epoch)) await new Promise<void>(resolve => this.#waiting.push(resolve))
  }
}

/** Every kind of bus does this, but for what cannot happen to it. */
export function busSuite(name: string, open: () => Promise<BusGround>, impossible: readonly Impossible[] = []): void {
  const testOf = (event: Impossible, title: string, body: () => Promise<void>) =>
    impossible.includes(event) ? undefined : test(title, body)

  describe(name, () => {
    let ground: BusGround
    const buses: Bus[] = []
    let epoch = 0
    before(async () => {
      ground = await open()
    })
    afterAll(async () => {
      for (const bus of buses) await bus.close()
      await ground.close()
    })

    function instance(): Hearer & { readonly bus: Bus } {
      const bus = ground.instance()
      buses.push(bus)
      return Object.assign(new Hearer(bus), { bus })
    }

    /** Tells again and again until all have heard: a connection may still be under way, and nothing is kept. */
    async function reach(...hearers: readonly Hearer[]): Promise<void> {
      for (const hearer of hearers) {
        const arrived = hearer.until(++epoch)
        let there = false
        void arrived.then(() => {
          there = true
        })
        while (!there) {
          await ground.tell(epoch)
          await Promise.race([arrived, after(20)])
        }
      }
    }

    test('every instance hears every epoch, and who told it as well', async () => {
      const hearers = [instance(), instance(), instance()]
      await reach(...hearers)
      for (let i = 0; i < 50; i++) await ground.tell(++epoch)
      for (const hearer of hearers) {
        await hearer.until(epoch)
        assert.deepEqual(
          hearer.heard.slice(-50),
          Array.from({ length: 50 }, (_, i) => epoch - 49 + i),
        )
      }
    })

    test('who has left hears nothing, and others of the same instance go on', async () => {
      const { bus } = instance()
      const [stays, leaves] = [new Hearer(bus), new Hearer(bus)]
      await reach(stays, leaves)
      leaves.end()
      const heard = leaves.heard.length
      await ground.tell(++epoch)
      await stays.until(epoch)
      assert.equal(leaves.heard.length, heard)
    })

    testOf('babble', 'what is no epoch is not told', async () => {
      const hearer = instance()
      await reach(hearer)
      const heard = hearer.heard.length
      for (const message of ['', 'x', '-1', '1.5', '1e3', ' 7', '99999999999999999999', '\u0000', 'a'.repeat(5000)])
        await ground.babble!(message)
      await ground.tell(++epoch)
      await hearer.until(epoch)
      assert.deepEqual(hearer.heard.slice(heard), [epoch])
    })

    testOf('outage', 'an outage is survived by both sides', async () => {
      const hearer = instance()
      await reach(hearer)
      await ground.outage!.begin()
      await hearer.bus.publish(++epoch)
      const late = instance()
      await ground.outage!.end()
      await reach(hearer, late)
    })

    test('a bus that is closed holds nothing open, also while it cannot reach anything', async () => {
      const one = ground.instance()
      await one.close()
      await one.close()
      await one.publish(++epoch)
      await ground.outage?.begin()
      const other = ground.instance()
      await other.publish(++epoch)
      await other.close()
      await ground.outage?.end()
    })
  })
}
