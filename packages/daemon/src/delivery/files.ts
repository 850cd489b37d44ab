import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { LanyardError } from '@lanyard/api'
import { encodePem } from '@lanyard/protocol'
import type { DeliverySetting } from '../config.ts'
import { makeTrusted, requireTrusted } from '../disk/trusted-folder.ts'
import type { Bundles, HeldSvid } from '../ports.ts'

/** Files of an identity in the layout that other SPIFFE programs write: certificate with chain, key, roots, and all bundles. */
export const FILES = ['svid.pem', 'svid_key.pem', 'svid_bundle.pem', 'bundles.json'] as const

type Texts = Readonly<Record<(typeof FILES)[number], string>>

function textsOf(svid: HeldSvid, bundles: Bundles): Texts {
  const all = [bundles.own, ...bundles.federated.values()]
  const texts = all.map(bundle => `${JSON.stringify(bundle.trustDomain.name)}:${bundle.toJson()}`)
  return {
    'svid.pem': svid.chain.map(({ der }) => encodePem('CERTIFICATE', der)).join(''),
    'svid_key.pem': encodePem('PRIVATE KEY', svid.keyDer),
    'svid_bundle.pem': bundles.own.x509Authorities.map(({ der }) => encodePem('CERTIFICATE', der)).join(''),
    'bundles.json': `{"trust_domains":{${texts.join(',')}}}\n`,
  }
}

/** Whether these very texts are in the files already, such as before a restart. */
export function areWritten(folder: string, svid: HeldSvid, bundles: Bundles): boolean {
  const texts = textsOf(svid, bundles)
  try {
    return FILES.every(name => readFileSync(join(folder, name), 'utf8') === texts[name])
  } catch {
    return false
  }
}

/**
 * Writes all files, each whole or not at all: the key last but the certificate, by whose change programs notice.
 *
 * @throws LanyardError `file_unwritable`, `permissions_too_wide` for a folder where others could put links in our way
 */
export function writeFiles(setting: Pick<DeliverySetting, 'folder' | 'uid' | 'gid'>, svid: HeldSvid, bundles: Bundles) {
  const { folder } = setting
  guarded(folder, () => {
    openFolder(setting)
    const texts = textsOf(svid, bundles)
    const put = (name: (typeof FILES)[number], mode: number) => putFile(join(folder, name), texts[name], mode, setting)
    put('bundles.json', 0o644)
    put('svid_bundle.pem', 0o644)
    put('svid_key.pem', 0o600)
    put('svid.pem', 0o644)
  })
}

/** Takes certificate and key away; the bundles stay. Throws as {@link writeFiles}. */
export function removeFiles(folder: string): void {
  guarded(folder, () => {
    requireTrusted(dirname(folder))
    for (const name of ['svid_key.pem', 'svid.pem']) rmSync(join(folder, name), { force: true })
  })
}

/** Who can write a folder can replace what lies in it: it is ours, and so is all on the way to it. */
function openFolder({ folder, gid }: Pick<DeliverySetting, 'folder' | 'gid'>): void {
  const isNew = !existsSync(folder)
  makeTrusted(folder, 0o755)
  if (isNew && gid !== null) chownSync(folder, -1, gid)
  for (const path of [folder, dirname(folder)]) {
    const stats = lstatSync(path)
    const own = stats.uid === 0 || stats.uid === process.geteuid?.()
    const sticky = (stats.mode & 0o1000) !== 0 && path !== folder
    if (!stats.isDirectory() || !own || ((stats.mode & 0o022) !== 0 && !sticky))
      throw new LanyardError('permissions_too_wide', `expected ${path} as a folder that nobody else can write`)
  }
}

function putFile(path: string, text: string, mode: number, { uid, gid }: Pick<DeliverySetting, 'uid' | 'gid'>): void {
  const fresh = `${path}.new`
  rmSync(fresh, { force: true })
  const file = openSync(fresh, 'wx', 0o600)
  try {
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  if (uid !== null || gid !== null) chownSync(fresh, uid ?? process.geteuid!(), gid ?? process.getegid!())
  if (mode !== 0o600) chmodSync(fresh, mode)
  renameSync(fresh, path)
}

function guarded(folder: string, act: () => void): void {
  try {
    act()
  } catch (cause) {
    if (cause instanceof LanyardError) throw cause
    throw new LanyardError('file_unwritable', `${folder}: ${(cause as NodeJS.ErrnoException).code}`, {}, { cause })
  }
}
