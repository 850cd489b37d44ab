import type { Paint } from '../paint.ts'
import { untilAborted } from '../until-aborted.ts'

/** One step of the story, as it came out. */
export interface Told {
  readonly step: string
  readonly held: boolean
  readonly ms: number
  /** What was seen, for a person. */
  readonly saw: string
}

/** What a step saw is not what was promised. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise'
}

/** Somebody stopped the story. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
}

/** Throws {@link BrokenPromise} unless the claim holds. Every line of the demo rests on one of these. */
export function holds(claim: boolean, otherwise: string): asserts claim {
  if (!claim) throw new BrokenPromise(otherwise)
}

/** Runs the steps of the story one after the other, and tells each with its time. */
export class Teller {
  readonly told: Told[] = []
  readonly #say: (line: string) => void
  readonly #paint: Paint
  readonly #stopped: AbortSignal
  readonly #untilStopped: Promise<never>

  constructor(say: (line: string) => void, paint: Paint, stopped: AbortSignal) {
    this.#say = say
    this.#paint = paint
    this.#stopped = stopped
    this.#untilStopped = untilAborted(stopped).then(() => Promise.reject(new Stopped()))
    this.#untilStopped.catch(() => undefined)
  }

  /** Tells what `act` opened, which it opens to the end, so that it can be closed; stops afterwards. */
  open<T>(step: string, act: () => Promise<readonly [saw: string, result: T]>): Promise<T> {
    return this.#act(step, act)
  }

  /** Tells what `act` saw, and gives its result; a step that fails ends the story, and so does who stops it. */
  step<T>(step: string, act: () => Promise<readonly [saw: string, result: T]>): Promise<T> {
    return this.#act(step, () => Promise.race([act(), this.#untilStopped]))
  }

  async #act<T>(step: string, act: () => Promise<readonly [saw: string, result: T]>): Promise<T> {
    if (this.#stopped.aborted) throw new Stopped()
    const start = performance.now()
    try {
      const [saw, result] = await act()
      this.#tell({ step, held: true, ms: performance.now() - start, saw })
      return result
    } catch (error) {
      if (error instanceof Stopped) throw error
      this.#tell({ step, held: false, ms: performance.now() - start, saw: describe(error) })
      throw error
    }
  }

  #tell(told: Told): void {
    this.told.push({ ...told, ms: Math.round(told.ms * 10) / 10 })
    const { good, bad, faint, strong } = this.#paint
    const time = faint(`${told.ms < 10 ? told.ms.toFixed(1) : told.ms.toFixed(0)} ms`)
    this.#say(`${told.held ? good('✓') : bad('✖')} ${strong(told.step)}  ${time}`)
    for (const line of told.saw.split('\n')) this.#say(`    ${line}`)
  }
}

function describe(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string }
  return code === undefined ? String(message ?? error) : `${code}: ${message}`
}
