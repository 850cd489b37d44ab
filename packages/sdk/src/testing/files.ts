import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Identity } from '../identity/identity.ts'
import type { Svid } from '../identity/svid.ts'
import type { TimeSource } from '../time.ts'

/** Writes a certificate as `lanyard cert request --out` does. */
export async function writeSvid(folder: string, svid: Svid): Promise<void> {
  await writeFile(join(folder, 'svid.pem'), svid.certificate + svid.chain)
  await writeFile(join(folder, 'svid_key.pem'), svid.privateKeyPem(), { mode: 0o600 })
  await writeFile(join(folder, 'bundle.pem'), svid.bundle)
}

/** A folder that is gone after the test. */
export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lanyard-sdk-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** An identity with this certificate, which `replace` changes; closed after the test. */
export async function identityWith(t: TestContext, svid: Svid, time?: TimeSource) {
  const folder = await temporaryFolder(t)
  await writeSvid(folder, svid)
  const identity = await Identity.fromFiles({ folder, liveness: false, ...(time ? { time } : {}) })
  t.after(() => identity.close())
  const replace = async (next: Svid) => {
    await writeSvid(folder, next)
    await identity.renew()
  }
  return { identity, folder, replace }
}
