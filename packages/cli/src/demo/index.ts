import type { Invocation, Outcome } from '../command.ts'
import { paintFor } from '../paint.ts'
import type { Scene } from './scene.ts'
import { tellStory } from './story.ts'
import { Teller } from './teller.ts'

/** The story of `lanyard demo`: exit code 0 only if every line held. */
export async function runDemo({ options, io, json, note }: Invocation): Promise<Outcome | undefined> {
  const stopped = io.stopped()
  const out = json ? io.err : io.out
  const paint = paintFor(out, io.env, options['no-color'] !== true)
  const teller = new Teller(line => out.write(`${line}\n`), paint)
  const start = performance.now()
  let scene: Scene
  try {
    scene = await tellStory(teller)
  } catch {
    return { json: report(teller, start), text: paint.bad('A promise did not hold.'), exit: 'refused' }
  }
  if (options.keep === true) {
    out.write(`${kept(scene)}\n`)
    await untilAborted(stopped)
    note('stopping')
  }
  await scene.close()
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  return {
    json: report(teller, start),
    text: `\n${paint.good(`All ${teller.told.length} promises held`)} in ${seconds} s. Next: lanyard up`,
  }
}

const report = ({ told }: Teller, start: number) => ({
  held: told.every(({ held }) => held),
  ms: Math.round(performance.now() - start),
  steps: told,
})

function kept({ server, folder }: Scene): string {
  return [
    '',
    `The authority goes on at ${server.url} until Ctrl-C; its folder is ${folder}.`,
    `  lanyard bootstrap --url ${server.url} --fingerprint ${server.rootSha256} --api-key-file ${server.adminKeyFile}`,
    '  lanyard agent list',
    '  lanyard events',
  ].join('\n')
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}
