import type { Invocation, Outcome } from '../command.ts'
import { STOPPED } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import { type Paint, paintFor } from '../paint.ts'
import { Misuse } from '../problem.ts'
import { inAnotherTerminal, programName, quoted } from '../program-name.ts'
import { untilAborted } from '../until-aborted.ts'
import type { Scene } from './scene.ts'
import { tellStory } from './story.ts'
import { Stopped, Teller } from './teller.ts'

/** The story of `lanyard demo`: exit code 0 only if every line held. */
export async function runDemo({ options, io, json, emit, note }: Invocation): Promise<Outcome | undefined> {
  const stopped = io.stopped()
  const out = json ? io.err : io.out
  const teller = new Teller(
    line => out.write(`${line}\n`),
    paintFor(out, io.env, options['no-color'] !== true),
    stopped,
  )
  const start = performance.now()
  let scene: Scene
  try {
    scene = options.federated === true ? await tellFederated(teller) : await tellStory(teller)
  } catch (error) {
    if (error instanceof Misuse) throw error
    if (error instanceof Stopped)
      return { json: { ...report(teller, start), held: false }, text: 'stopped', exit: STOPPED }
    return { json: report(teller, start), text: paint => paint.bad('A promise did not hold.'), exit: 'refused' }
  }
  // Whatever happens from here on, nothing of the scene outlives the demo.
  try {
    return await tellEnd(scene, report(teller, start), { io, emit, note, keep: options.keep === true, stopped })
  } finally {
    await scene.close()
  }
}

/** Loaded where it is told alone: it needs a provider that is not part of the program. */
const tellFederated = async (teller: Teller): Promise<Scene> =>
  (await import('./federated/index.ts')).tellFederatedStory(teller)

interface Ending extends Pick<Invocation, 'io' | 'emit' | 'note'> {
  readonly keep: boolean
  readonly stopped: AbortSignal
}

async function tellEnd(
  scene: Scene,
  told: ReturnType<typeof report>,
  { io, emit, note, keep, stopped }: Ending,
): Promise<Outcome | undefined> {
  const held = (paint: Paint) => `\n${paint.good(`All ${told.steps.length} promises held`)} in ${seconds(told.ms)} s.`
  if (!keep) return { json: told, text: paint => `${held(paint)} Next: ${programName(io.env)} up` }
  emit({ json: { ...told, kept: kept(scene) }, text: paint => `${held(paint)}\n\n${onwards(scene, io)}` })
  await untilAborted(stopped)
  note('stopping')
  return undefined
}

const seconds = (ms: number): string => (ms / 1000).toFixed(1)

const report = ({ told }: Teller, start: number) => ({
  held: told.every(({ held }) => held),
  ms: Math.round(performance.now() - start),
  steps: told,
})

/** Where the authority that goes on is, as `lanyard up --json` says it. */
const kept = ({ server }: Scene) => ({
  url: server.url,
  trust_domain: server.trustDomain,
  root_sha256: server.rootSha256,
  root_file: server.rootFile,
  admin_key_file: server.adminKeyFile,
})

/** A profile of its own: the one that commands use by themselves may be that of an authority which stays. */
function onwards({ server }: Scene, io: Pick<Io, 'env' | 'cwd'>): string {
  const name = programName(io.env)
  const key = quoted(server.adminKeyFile ?? '')
  return [
    `The authority goes on at ${server.url} until Ctrl-C.`,
    inAnotherTerminal(io),
    `  ${name} bootstrap --profile demo --url ${server.url} --fingerprint ${server.rootSha256} --api-key-file ${key}`,
    `  ${name} agent list --profile demo`,
    `  ${name} events --profile demo`,
  ].join('\n')
}
