import type { Log, Meter } from '../ports.ts'

/** Writes nothing. */
export const noLog: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** Measures nothing. */
export const noMeter: Meter = { count() {}, time() {}, gauge() {} }
