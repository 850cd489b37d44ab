import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PERMISSIONS, type Permission } from '@lanyard/api'
import fc from 'fast-check'
import type { AccessGrant, PrincipalCaller } from '../caller.ts'
import { matchesPattern } from '../pattern.ts'
import { permissionsIn } from './grants.ts'
import { type CallTarget, narrow } from './narrow.ts'
import { heldWithin, isHeldForGood, requireHeld } from './within.ts'

const grant = (tenant: string | null, agents: string | null, ...permissions: Permission[]): AccessGrant => ({
  ...{ binding: 'b', role: 'r', permissions: new Set(permissions), tenant, agents, expiresAt: null },
})

const holder = (...grants: AccessGrant[]): PrincipalCaller => ({
  ...{ kind: 'principal', method: 'jwt', id: '0'.repeat(32), name: 'Ann', issuer: 'https://x.test', subject: 'ann' },
  ...{ groups: [], grants, permissions: permissionsIn(grants), tenant: '', agents: null, rateLimit: null },
  ...{ issuedAt: 0, expiresAt: 0, svid: null },
})

const target = (permission: Permission | null, about: Partial<CallTarget> = {}): CallTarget => ({
  ...{ permission, tenant: undefined, agent: undefined, chosen: undefined },
  ...about,
})

const arbitrary = {
  tenant: fc.constantFrom(null, 'acme', 'globex'),
  agents: fc.constantFrom(null, 'inv-*', '*', 'led-1'),
  agent: fc.constantFrom(undefined, 'inv-1', 'led-1'),
  named: fc.constantFrom(undefined, 'acme', 'globex', 'nobody'),
  permission: fc.constantFrom(...(Object.keys(PERMISSIONS).slice(0, 5) as Permission[])),
}
const anyGrant = fc
  .tuple(arbitrary.tenant, arbitrary.agents, fc.array(arbitrary.permission, { minLength: 1, maxLength: 3 }))
  .map(([tenant, agents, permissions]) => grant(tenant, agents, ...permissions))

const codeOf = (error: unknown) => (error as { code?: string }).code

describe('a principal as it counts for a call', () => {
  it('has what a grant gives there, and nothing that none gives', () => {
    const call = fc.record({
      permission: arbitrary.permission,
      tenant: arbitrary.named,
      agent: arbitrary.agent,
      chosen: arbitrary.named,
    })
    fc.assert(
      fc.property(fc.array(anyGrant, { minLength: 1, maxLength: 4 }), call, (grants, about) => {
        let caller: PrincipalCaller
        try {
          caller = narrow(holder(...grants), about) as PrincipalCaller
        } catch (error) {
          assert.ok(['tenant_ambiguous', 'agent_not_covered'].includes(codeOf(error) ?? ''), String(error))
          return
        }
        const { tenant } = caller
        // Within all tenants only what holds in all counts; within one, what holds there.
        for (const permission of caller.permissions) {
          const gives = (one: AccessGrant) =>
            one.permissions.has(permission) &&
            (one.tenant === null || one.tenant === tenant) &&
            (one.agents === null || (about.agent !== undefined && matchesPattern(one.agents, about.agent)))
          assert.ok(grants.some(gives), permission)
        }
        if (about.tenant !== undefined) assert.ok(tenant === about.tenant || tenant === '')
        if (tenant === null) assert.ok(caller.grants.every(one => one.tenant === null))
      }),
      { numRuns: 3000 },
    )
  })

  it('is within the one tenant that it has, where the call names none', () => {
    const caller = holder(grant('acme', null, 'agent.read'))
    assert.equal(narrow(caller, target('agent.read')).tenant, 'acme')
    assert.equal(narrow(caller, target('agent.read', { tenant: 'globex' })).permissions.size, 0)
    assert.equal(narrow(holder(grant(null, null, 'agent.read')), target('agent.read')).tenant, null)
    const two = holder(grant('acme', null, 'agent.read'), grant('globex', null, 'agent.read', 'agent.kill'))
    assert.throws(() => narrow(two, target('agent.read')), { code: 'tenant_ambiguous' })
    assert.equal(narrow(two, target('agent.read', { chosen: 'acme' })).tenant, 'acme')
    // What it can do in one place alone leaves no question.
    assert.equal(narrow(two, target('agent.kill')).tenant, 'globex')
  })

  it('has all that it has where nothing is asked of it', () => {
    const caller = holder(grant('acme', 'inv-*', 'agent.read'), grant('globex', null, 'agent.kill'))
    assert.deepEqual(narrow(caller, target(null)), caller)
  })
})

describe('what is held within a reach', () => {
  it('is what one grant covers whole, in tenant and pattern', () => {
    const caller = holder(grant('acme', null, 'agent.read'), grant(null, 'inv-*', 'agent.kill'))
    const held = (tenant: string | null, agents: string | null) => [...heldWithin(caller, { tenant, agents })].sort()
    assert.deepEqual(held('acme', null), ['agent.read'])
    assert.deepEqual(held('acme', 'inv-1'), ['agent.kill', 'agent.read'])
    assert.deepEqual(held('acme', 'inv-*'), ['agent.kill', 'agent.read'])
    assert.deepEqual(held('acme', '*'), ['agent.read'])
    assert.deepEqual(held('acme', '*inv-'), ['agent.read'])
    assert.deepEqual(held(null, 'inv-*'), ['agent.kill'])
    assert.deepEqual(held(null, null), [])
  })

  it('grows with no reach that is narrower in nothing', () => {
    const reach = fc.record({ tenant: arbitrary.tenant, agents: arbitrary.agents })
    fc.assert(
      fc.property(fc.array(anyGrant, { maxLength: 4 }), reach, (grants, { tenant, agents }) => {
        const whole = heldWithin(holder(...grants), { tenant: null, agents: null })
        const part = heldWithin(holder(...grants), { tenant, agents })
        assert.ok([...whole].every(permission => part.has(permission)))
      }),
    )
  })

  it('is all that can be given', () => {
    const caller = holder(grant('acme', null, 'agent.read'))
    const given = { role: 'r', permissions: ['agent.read'], tenant: 'acme', agents: null, until: null } as const
    requireHeld(caller, given)
    requireHeld('server', { ...given, tenant: null, permissions: ['tenant.kill'] })
    for (const wider of [
      { tenant: null },
      { tenant: 'globex' },
      { permissions: ['agent.read', 'agent.kill'] as const },
    ])
      assert.throws(() => requireHeld(caller, { ...given, ...wider }), { code: 'role_too_wide' })
  })

  it('is held no longer than its grant, and given no longer', () => {
    const caller = holder(
      { ...grant('acme', null, 'agent.read', 'agent.kill'), expiresAt: 5000 },
      grant(null, null, 'agent.read'),
    )
    const given = { role: 'r', tenant: 'acme', agents: null } as const
    const refusal = (permissions: readonly Permission[], until: number | null) => {
      try {
        requireHeld(caller, { ...given, permissions, until })
      } catch (error) {
        return (error as Error).message
      }
      return null
    }
    assert.equal(refusal(['agent.read'], null), null)
    assert.equal(refusal(['agent.read', 'agent.kill'], 5000), null)
    for (const until of [5001, null])
      assert.match(refusal(['agent.read', 'agent.kill'], until)!, /agent\.kill.* until 1970-01-01T00:00:05Z.*by then/)
    assert.equal(isHeldForGood(caller, { ...given, permissions: ['agent.read'] }), true)
    assert.equal(isHeldForGood(caller, { ...given, permissions: ['agent.kill'] }), false)
  })
})
