import { type Bus, Listeners } from './bus.ts'

/** The bus of an instance that is alone. */
export function inProcessBus(): Bus {
  const listeners = new Listeners()
  return {
    async publish(epoch) {
      listeners.tell(epoch)
    },
    subscribe: listener => listeners.add(listener),
    async close() {},
  }
}
