import { visible } from '../layout.ts'
import type { Paint } from '../paint.ts'

/** One step of an explanation: `✓ signature  RS256 by key 2024-11`. */
export const stepLine = (
  { step, ok, detail }: { readonly step: string; readonly ok: boolean; readonly detail: string },
  paint: Paint,
): string => `${ok ? paint.good('✓') : paint.bad('✖')} ${paint.strong(visible(step))}  ${visible(detail)}`
