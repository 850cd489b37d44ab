import { LanyardError } from '@lanyard/api'
import type { Clock } from '@lanyard/authority'
import { DEFAULT_ID_TEMPLATE, IdTemplate, type TrustDomain } from '@lanyard/protocol'
import { DEFAULT_TRUST_DOMAIN } from '../config.ts'
import type { KeyManager } from '../keys/key-manager.ts'
import { openPrivateFolder } from '../keys/private-files.ts'
import type { OpenStore } from '../store/ports.ts'
import { KEY_RECORD, type OpenedKeys, openKeys } from './open-keys.ts'
import { type Place, placeOf } from './place.ts'
import { readTrustDomain, type Setup } from './setup.ts'

const ID_TEMPLATE = 'id_template'

/** The data folder, opened: store and keys of one trust domain. */
export interface Data extends OpenStore {
  readonly domain: TrustDomain
  readonly idTemplate: IdTemplate
  readonly keys: KeyManager
  /** Facts that a new store keeps with its first keys; none for one that has them. */
  readonly newFacts: Readonly<Record<string, string>>
  /** To be called when the first keys are there: until then no other instance starts on the same store. */
  started(): Promise<void>
}

/**
 * Opens the data folder, and the store where it is elsewhere. What is refused (`permissions_too_wide`, a passphrase,
 * another ID template) is refused before a byte of either changes. The caller closes the store. Throws also
 * `data_in_use`, `store_*`, `keys_missing`.
 */
export async function openData(setup: Setup, clock: Clock): Promise<Data> {
  openPrivateFolder(setup.config.data)
  const place = placeOf(setup.config, clock)
  try {
    return await openAt(place, setup)
  } catch (error) {
    await place.started()
    throw error
  }
}

async function openAt(place: Place, setup: Setup): Promise<Data> {
  const facts = await place.look()
  const domain = chooseDomain(facts?.trustDomain, setup)
  const unlocked = facts === null ? null : await unlockKept(facts.meta, setup)
  chooseTemplate(facts?.meta.get(ID_TEMPLATE), setup)
  if (place.shared) requirePassphrase(setup)

  const opened = await place.open(domain.name)
  try {
    const within = await openWithin(opened, unlocked, setup, domain)
    return { ...opened, domain, ...within, started: place.started, close: () => closeAt(place, opened) }
  } catch (error) {
    await opened.close()
    throw error
  }
}

async function closeAt(place: Place, opened: OpenStore): Promise<void> {
  await place.started()
  await opened.close()
}

/** A wrapping key in one data folder would be of no use to the other instances. */
function requirePassphrase({ config, passphrase }: Setup): void {
  if (config.keys === 'store' && passphrase === null)
    throw new LanyardError(
      'passphrase_required',
      'the keys in a store that instances share are under a passphrase, got none',
    )
}

/** What was peeked may be torn, so the store is asked again now that it is ours alone. */
async function openWithin(
  { store, rows }: OpenStore,
  unlocked: OpenedKeys | null,
  setup: Setup,
  domain: TrustDomain,
): Promise<Pick<Data, 'idTemplate' | 'keys' | 'newFacts'>> {
  const record = (await store.read(() => rows.meta.get(KEY_RECORD))) ?? null
  const idTemplate = chooseTemplate(await store.read(() => rows.meta.get(ID_TEMPLATE)), setup)
  const keys = record !== null && unlocked?.record === record ? unlocked : await open(record, setup)
  const newFacts = record === null ? { [KEY_RECORD]: keys.record, [ID_TEMPLATE]: `${idTemplate}` } : {}
  return { idTemplate, keys: keys.manager(domain.name), newFacts }
}

async function unlockKept(meta: ReadonlyMap<string, string>, setup: Setup): Promise<OpenedKeys | null> {
  const record = meta.get(KEY_RECORD)
  return record === undefined ? null : await open(record, setup)
}

const open = (record: string | null, { config, passphrase }: Setup): Promise<OpenedKeys> =>
  openKeys(record, { kind: config.keys, folder: config.data, passphrase })

function chooseDomain(stored: string | undefined, { trustDomain }: Setup): TrustDomain {
  if (stored === undefined) return trustDomain ?? readTrustDomain(DEFAULT_TRUST_DOMAIN)
  if (trustDomain === null || trustDomain.name === stored) return readTrustDomain(stored)
  throw new LanyardError('store_foreign', `expected a store of ${trustDomain}, got one of ${stored}`)
}

/** The template of the store; agents have IDs by it, so that a configuration that says otherwise is refused. */
function chooseTemplate(stored: string | undefined, { idTemplate }: Setup): IdTemplate {
  if (stored === undefined) return idTemplate ?? IdTemplate.parse(DEFAULT_ID_TEMPLATE)
  if (idTemplate === null || `${idTemplate}` === stored) return IdTemplate.parse(stored)
  throw new LanyardError(
    'config_invalid',
    `id_template: fixed as ${stored} when this store was made, got ${idTemplate}`,
  )
}
