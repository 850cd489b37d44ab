import { type Body, type Handlers, LanyardError, type Point, type Routes } from '@lanyard/api'
import {
  acknowledge,
  type Caller,
  type Enrolment,
  enrolPoint,
  isoTime,
  leaseOf,
  type PointState,
  shared,
} from '@lanyard/authority'
import { AckVerifier, ProtocolError, type VerifiedAck } from '@lanyard/protocol'
import type { HandlerPorts } from '../http/ports.ts'
import { act, byCertificate } from './call.ts'
import type { Cursors } from './cursor.ts'

type Mine = 'enrolPoint' | 'acknowledge' | 'listPoints'

/** A point whose lease ended is listed for so long. */
const LISTED_MS = 3_600_000

/** Enforcement points: their leases, and what they say they have applied. */
export function pointHandlers(ports: HandlerPorts, cursors: Cursors): Pick<Handlers<Routes, Caller>, Mine> {
  const { store, rows, clock, feed } = ports
  const verifier = new AckVerifier(ports.crypto)
  return {
    async enrolPoint(call) {
      const receivedAt = clock.now()
      const own = byCertificate(call)
      const enrolment = enrolmentOf(own.body)
      const state = await act(ports, own, shared(own.caller.tenant), told => enrolPoint(rows, enrolment, told))
      return {
        point: state.point,
        leased_until: isoTime(state.leasedUntil, 'milliseconds'),
        renew_after_ms: Math.floor(leaseOf(enrolment) / 3),
        received_at: receivedAt,
        answered_at: clock.now(),
      }
    },

    async acknowledge(call) {
      const own = byCertificate(call)
      const { ack: jws } = own.body
      const { ack, id } = proved(jws, verifier, ports)
      if (id.toString() !== own.caller.spiffeId)
        throw new LanyardError('ack_invalid', 'expected an acknowledgement that the caller signed, got one of another')
      if (ack.feedId !== feed.feedId)
        throw new LanyardError('ack_invalid', 'expected an acknowledgement of this feed, got one of another')
      await act(ports, own, shared(own.caller.tenant), told => acknowledge(rows, ack, jws, told))
      return undefined
    },

    async listPoints({ query, caller }) {
      const tenant = caller.tenant ?? undefined
      const list = { route: 'listPoints', tenant: caller.tenant, filter: {} } as const
      const page = cursors.page(list, query)
      const found = await store.read(() => rows.points.list({ tenant, since: clock.now() - LISTED_MS }, page))
      return cursors.reply(list, found, showPoint)
    },
  }
}

/** The acknowledgement, signed under our roots. Whatever is wrong with it is `ack_invalid`. */
function proved(jws: string, verifier: AckVerifier, { authorities, clock }: HandlerPorts): VerifiedAck {
  const { trustDomain, x509Authorities: roots } = authorities.bundle()
  try {
    return verifier.verify(jws, { trustDomain, roots, at: clock.now() })
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    throw new LanyardError('ack_invalid', `${error.code}: ${error.message}`, {}, { cause: error })
  }
}

const enrolmentOf = ({
  budget_ms,
  grace_ms,
  as_of,
  offset_ms,
  uncertainty_ms,
  ...body
}: Body<Routes['enrolPoint']>): Enrolment => ({
  ...body,
  budgetMs: budget_ms,
  graceMs: grace_ms,
  asOf: as_of,
  offsetMs: offset_ms,
  uncertaintyMs: uncertainty_ms,
})

const showPoint = (state: PointState): Point => ({
  point: state.point,
  spiffe_id: state.spiffeId,
  tenant: state.tenant,
  name: state.name,
  mode: state.mode,
  budget_ms: state.budgetMs,
  enrolled_at: isoTime(state.enrolledAt, 'milliseconds'),
  leased_until: isoTime(state.leasedUntil, 'milliseconds'),
  epoch: state.epoch,
  as_of: state.asOf === null ? null : isoTime(state.asOf, 'milliseconds'),
  offset_ms: state.offsetMs,
  uncertainty_ms: state.uncertaintyMs,
  sessions: state.sessions,
})
