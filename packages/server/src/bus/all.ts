import type { Bus } from './bus.ts'

/** Several buses as one. Each carries everything, so that one that fails takes nothing away. */
export const allBuses = (buses: readonly Bus[]): Bus => ({
  async publish(epoch) {
    await Promise.all(buses.map(bus => bus.publish(epoch)))
  },
  subscribe(listener) {
    const ends = buses.map(bus => bus.subscribe(listener))
    return () => {
      for (const end of ends) end()
    }
  },
  async close() {
    await Promise.all(buses.map(bus => bus.close()))
  },
})
