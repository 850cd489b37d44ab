import type { Paint } from '../paint.ts'

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

/** Throws {@link BrokenPromise} unless the claim holds. Every line of the demo rests on one of these. */
export function holds(claim: boolean, otherwise: string): asserts claim {
  if (!claim) throw new BrokenPromise(otherwise)
}

/** Runs the steps of the story one after the other, and tells each with its time. */
export class Teller {
  readonly told: Told[] = []
  readonly #say: (line: string) => void
  readonly #paint: Paint

  constructor(say: (line: string) => void, paint: Paint) {
    this.#say = say
    this.#paint = paint
  }

  /** Tells what `act` saw, and gives its result; a step that fails ends the story. */
  async step<T>(step: string, act: () => Promise<readonly [saw: string, result: T]>): Promise<T> {
    const start = performance.now()
    try {
      const [saw, result] = await act()
      this.#tell({ step, held: true, ms: performance.now() - start, saw })
      return result
    } catch (error) {
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
