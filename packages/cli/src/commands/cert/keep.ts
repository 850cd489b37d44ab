import { Identity, type IdentityError, type Svid } from '@lanyard/sdk'
import { rootsIn } from '../../client/fingerprint.ts'
import type { Invocation, Outcome } from '../../command.ts'
import { rfc3339 } from '../../layout.ts'
import { requireRenewable, type Wanted, type Write } from './request.ts'
import type { SvidFiles } from './svid-files.ts'

interface Keeping extends Pick<Invocation, 'emit' | 'note'> {
  readonly wanted: Wanted
  readonly written: Write
  readonly stopped: AbortSignal
}

/**
 * Keeps the files of an agent fresh until it is stopped, by the same identity that programs use: renewed in time, with
 * a new key each time, with a new token when the lineage has ended. What cannot be written or reloaded at the start ends
 * the command, and is told later on, since the next renewal may be luckier; an identity that is lost ends it too.
 */
export async function keep({ wanted, written, stopped, emit, note }: Keeping): Promise<void> {
  // An identity does not keep its process alive; this command does nothing else.
  const hold = setInterval(() => undefined, 60_000)
  try {
    const identity = await begin(wanted, stopped)
    if (identity !== null) await deliverAll(identity, { written, stopped, emit, note })
  } finally {
    clearInterval(hold)
  }
}

type Delivery = Omit<Keeping, 'wanted'>

async function deliverAll(identity: Identity, { written, stopped, emit, note }: Delivery): Promise<void> {
  const deliver = async (svid: Svid) => {
    const { certificate, chain, bundle } = svid
    emit(told(svid, await written({ certificate, chain, bundle, key: svid.privateKeyPem() })))
  }
  try {
    const lost = untilLost(identity, stopped, note)
    // One after the other: an older certificate must never be written over a newer one.
    let turn = deliver(identity.svid)
    identity.on('renewed', svid => {
      turn = turn.then(() => deliver(svid)).catch(error => note(`not delivered: ${error.message}`))
    })
    await turn
    await lost
    await turn
  } finally {
    await identity.close()
  }
}

/** Null when it was stopped before there was a certificate. */
async function begin({ place, tokens, keyType, ttl }: Wanted, stopped: AbortSignal): Promise<Identity | null> {
  try {
    return await Identity.fromToken({
      url: place.url,
      rootSha256: rootsIn(place.ca)[0]!.sha256,
      token: () => tokens(null),
      keyType: requireRenewable(keyType),
      signal: stopped,
      ...(ttl !== undefined && { ttlSec: ttl }),
    })
  } catch (error) {
    if (stopped.aborted) return null
    throw error
  }
}

function untilLost(identity: Identity, stopped: AbortSignal, note: (text: string) => void): Promise<void> {
  identity.on('failing', ({ error, retryAt, validUntil }) => {
    note(
      `renewal failed (${error.code}: ${error.message}); again at ${rfc3339(retryAt.getTime())}${lasting(validUntil)}`,
    )
  })
  return new Promise((resolve, reject) => {
    if (stopped.aborted) resolve()
    stopped.addEventListener('abort', () => resolve(), { once: true })
    identity.on('lost', ({ error }: { error: IdentityError }) => reject(error))
  })
}

function lasting(until: Date | null): string {
  if (until === null) return ''
  const verb = until.getTime() > Date.now() ? 'lasts until' : 'ended at'
  return `; the certificate ${verb} ${rfc3339(until.getTime())}`
}

function told(svid: Svid, files: SvidFiles): Outcome {
  const { id, serial, notBefore, notAfter } = svid
  return {
    json: {
      spiffe_id: id.toString(),
      serial,
      not_before: rfc3339(notBefore * 1000),
      not_after: rfc3339(notAfter * 1000),
      reputation_tier: svid.tier,
      files,
    },
    text: paint => `${paint.good('written')} ${id} ${serial}, until ${rfc3339(notAfter * 1000)}`,
  }
}
