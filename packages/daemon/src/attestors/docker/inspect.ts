import { LanyardError } from '@lanyard/api'
import { askEngine } from './engine.ts'
import { fieldOf, strings } from './json.ts'

export interface Container {
  /** Of its first process. */
  readonly pid: number
  readonly labels: Readonly<Record<string, string>>
  /** Names alone: values are often secrets, and selectors stand in logs. */
  readonly env: readonly string[]
  /** `sha256:` and 64 hex digits; empty: the engine names it otherwise. */
  readonly imageId: string
  /** `repository@sha256:…`; empty: built here, never pushed or pulled. */
  readonly imageDigests: readonly string[]
}

const IMAGE_ID = /^sha256:[0-9a-f]{64}$/

/** What the engine says of one thing; null: it knows none of this id. A name that looks like an id finds nothing. */
async function describe(socket: string, path: string, id: string): Promise<unknown> {
  const { status, body } = await askEngine(socket, path)
  if (status === 200 && fieldOf(body, 'Id') === id) return body
  if (status === 200 || status === 404) return null
  throw new LanyardError('attestation_failed', `the container engine answered ${path} with status ${status}`)
}

/** `GET /images/{id}/json`, Docker Engine API. */
async function digestsOf(socket: string, imageId: string): Promise<readonly string[]> {
  return strings(fieldOf(await describe(socket, `/images/${imageId}/json`, imageId), 'RepoDigests'))
}

/** Asks by `GET /containers/{id}/json`, Docker Engine API. Null: no container that runs has this id. Throws `attestation_failed`. */
export async function inspect(socket: string, id: string): Promise<Container | null> {
  const container = await describe(socket, `/containers/${id}/json`, id)
  const [state, config, image] = [
    fieldOf(container, 'State'),
    fieldOf(container, 'Config'),
    fieldOf(container, 'Image'),
  ]
  const pid = fieldOf(state, 'Pid')
  if (fieldOf(state, 'Running') !== true || !Number.isSafeInteger(pid) || Number(pid) <= 0) return null
  const imageId = typeof image === 'string' && IMAGE_ID.test(image) ? image : ''
  const labels = Object.entries(fieldOf(config, 'Labels') ?? {}).filter(([, value]) => typeof value === 'string')
  return {
    pid: Number(pid),
    labels: Object.fromEntries(labels),
    env: strings(fieldOf(config, 'Env')).map(pair => pair.split('=')[0]!),
    imageId,
    imageDigests: imageId === '' ? [] : await digestsOf(socket, imageId),
  }
}
