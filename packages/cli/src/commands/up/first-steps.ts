import process from 'node:process'
import type { RunningServer } from '@lanyard/server'
import type { Io } from '../../io.ts'
import type { Paint } from '../../paint.ts'
import { inAnotherTerminal, programName, quoted } from '../../program-name.ts'

type Started = Pick<RunningServer, 'url' | 'rootSha256' | 'adminKeyFile'> & {
  /** `unix:///PATH`; null: it serves no Workload API. */
  readonly workloadApi: string | null
}

/**
 * Lines to paste into another terminal, from the server that runs to the first certificate; only the first of them where
 * the admin key is no longer in the data folder, since its owner has been here before.
 */
export function firstSteps(server: Started, io: Pick<Io, 'env' | 'cwd'>, paint: Paint): string {
  const name = programName(io.env)
  const { url, rootSha256, adminKeyFile: key, workloadApi: socket } = server
  const trust = `${name} bootstrap --url ${url} --fingerprint ${rootSha256}`
  const lines =
    key === null
      ? [trust]
      : [
          `${trust} --api-key-file ${quoted(key)}`,
          `${name} tenant create acme`,
          `${name} agent create acme planner`,
          `${name} cert request --tenant acme --agent planner --out ./planner`,
          `${name} inspect ./planner/svid.pem`,
          ...(socket === null
            ? []
            : [
                `${name} entry create acme/planner --selector unix:uid:${process.getuid?.()} --children`,
                `${name} svid --socket ${quoted(socket)}`,
              ]),
        ]
  return [paint.faint(inAnotherTerminal(io)), ...lines.map(line => `  ${line}`)].join('\n')
}
