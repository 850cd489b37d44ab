import { LanyardError } from '@lanyard/api'
import {
  type Crypto,
  jwkFromSpki,
  jwkThumbprint,
  type PublicKeyInfo,
  parseCsr,
  toHex,
  verifyCsr,
} from '@lanyard/protocol'
import { actorOf } from '../caller.ts'
import { requireKeyType } from '../key-policy.ts'
import { renewAfter } from '../lifetime.ts'
import { type Clock, type Dice, type Rows, type Step, type Store, type Subject, shared } from '../ports.ts'
import type { SpiffeIdOf } from '../registry/agents.ts'
import { buildLeaf, signLeaf } from './build.ts'
import { type Clearance, check, type Grant, redeem } from './check.ts'
import type { IssueAsked, IssueGate } from './gate.ts'
import { inspect } from './inspect.ts'
import type { X509Issuer } from './issuer.ts'
import { recordIssue, type Signed } from './record.ts'
import { Refusals, type RefusedRequest } from './refusals.ts'
import type { Issued, IssueRequest } from './request.ts'
import { subjectWith } from './subject.ts'

/** What the pipeline works with. */
export interface IssuingPorts {
  readonly store: Store
  readonly rows: Rows
  readonly crypto: Crypto
  readonly clock: Clock
  readonly dice: Dice
  readonly spiffeIdOf: SpiffeIdOf
  /** The authority of this moment. */
  readonly issuer: () => X509Issuer
  /** Under which host names may lie; none where this is absent. */
  readonly dnsSuffixes?: readonly string[]
  /** Host names of the authority itself, which no workload has. */
  readonly ownHosts?: readonly string[]
  /** Asked of everything that is issued; where it is absent, nobody is. */
  readonly gate?: IssueGate
}

/**
 * The one way to a certificate: check → ask the policies → build → sign → inspect → record → reply. Every door (the
 * exchange of CSRs, that of nodes) ends here. A certificate whose record is refused never leaves.
 */
export class Issuing {
  readonly #ports: IssuingPorts
  readonly #refusals: Refusals

  constructor(ports: IssuingPorts) {
    this.#ports = ports
    this.#refusals = new Refusals(ports)
  }

  /**
   * Issues one certificate, durably recorded when the promise is kept. Throws the codes of the route `issueCert`, after
   * the refusal was told in an event.
   */
  async issue(request: IssueRequest): Promise<Issued> {
    try {
      return await this.#issue(request)
    } catch (error) {
      await this.refused(error, { agent: request.caller, actor: actorOf(request.caller), ...request })
      throw error
    }
  }

  /** Tells of a request that a door refused before it came here, by an agent that it knew. */
  refused(error: unknown, request: RefusedRequest): Promise<void> {
    return this.#refusals.tell(error, request)
  }

  /** Asks the policies about what a door makes without coming here. Throws `policy_denied`, `policy_failed`. */
  async requireAllowed(asked: IssueAsked): Promise<void> {
    const asking = this.#ports.gate?.(asked)
    if (asking !== undefined) await asking
  }

  async #issue(request: IssueRequest): Promise<Issued> {
    const grant = redeem(await this.#clear(request))
    const door = request.caller.kind === 'workload' ? 'workload' : 'csr'
    await this.requireAllowed({ ...request, ...grant, door })
    const issuer = this.#ports.issuer()
    const serial = newSerial(this.#ports.dice)
    const unsigned = buildLeaf(grant, issuer, serial, this.#ports.crypto)
    const der = await signLeaf(unsigned, issuer)
    this.#inspect(der, grant, request, issuer)
    const { notBefore, notAfter } = unsigned
    const signed: Signed = { grant, issuerKeyId: issuer.keyId, serial, notBefore, notAfter }
    await this.#record(signed, request)
    return this.#reply(der, signed, issuer)
  }

  async #clear(request: IssueRequest): Promise<Clearance> {
    const { rows, store, clock, crypto, dnsSuffixes = [], ownHosts = [] } = this.#ports
    const subject = requireOwn(await store.read(() => subjectOf(rows, request)), request)
    const key = provenKey(request.csr, subject, crypto)
    const keyThumbprint = jwkThumbprint(jwkFromSpki(key.der), crypto)
    const { caller, ttlSec, dnsNames = [], opens } = request
    const asked = { subject, caller, opens: opens !== undefined, key, keyThumbprint, ttlSec, dnsNames }
    return check({ ...asked, dnsSuffixes, ownHosts, at: clock.now() })
  }

  #inspect(der: Uint8Array, { subject, key, tier, at }: Grant, request: IssueRequest, issuer: X509Issuer): void {
    const { spiffeIdOf, dnsSuffixes = [] } = this.#ports
    const names = { spiffeId: spiffeIdOf(subject.agent), dnsNames: request.dnsNames ?? [], dnsSuffixes }
    inspect(der, { ...names, subject, spki: key.der, issuer, tier, at })
  }

  async #record(signed: Signed, request: IssueRequest): Promise<void> {
    const { store, rows, clock } = this.#ports
    const { caller, source, correlation } = request
    const told = () => ({ caller, at: clock.now(), source, correlation })
    const refused = await store.write(() => recordIssue(rows, signed, told()), shared(caller.tenant))
    if (refused) throw refused
  }

  #reply(der: Uint8Array, { grant, serial, notBefore, notAfter }: Signed, issuer: X509Issuer): Issued {
    const { subject, tier, ttlSec, at } = grant
    return {
      der,
      spiffeId: subject.agent.spiffeId,
      serial,
      lineage: subject.lineage.id,
      incarnation: subject.agent.incarnation,
      notBefore,
      notAfter,
      tier,
      ttlSec,
      renewAfter: renewAfter(at, ttlSec, fraction(this.#ports.dice)),
      chainPem: issuer.chainPem,
      bundlePem: issuer.bundlePem,
    }
  }
}

/** Whom it is issued to: as stored, or with the lineage that is to be opened. */
function* subjectOf(rows: Rows, { caller, opens }: IssueRequest): Step<Subject | undefined> {
  if (opens === undefined) return yield* rows.lineages.subject(caller.lineage)
  return yield* subjectWith(rows, opens)
}

// The lineage must be the very one that the credential was bound to, of the agent that it names.
function requireOwn(subject: Subject | undefined, { caller }: IssueRequest): Subject {
  const own = subject && subject.agent.tenant === caller.tenant && subject.agent.agent === caller.agent
  if (!own) throw new LanyardError('lineage_ended', 'the lineage of this credential is not known')
  return subject
}

/** The CSR's key, proved by its self-signature. The key policy is asked first: it costs nothing, a signature does. */
function provenKey(csr: Uint8Array, subject: Subject, crypto: Crypto): PublicKeyInfo {
  const unverified = parseCsr(csr)
  requireKeyType(subject.tenant.keyPolicy, unverified.publicKey)
  return verifyCsr(unverified, crypto)
}

/** Sixteen random bytes, positive, the first not zero (RFC 5280, 4.1.2.2), as 32 hex digits. */
export function newSerial(dice: Dice): string {
  const bytes = dice.bytes(16)
  bytes[0] = (bytes[0]! & 0x7f) | 0x40
  return toHex(bytes)
}

/** A number from 0 to 1 from two random bytes. */
const fraction = (dice: Dice): number => {
  const [high, low] = dice.bytes(2) as unknown as [number, number]
  return (high * 256 + low) / 65_535
}
