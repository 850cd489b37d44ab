import { type Admission, type Body, type Handlers, LanyardError, type Routes } from '@lanyard/api'
import {
  type Act,
  type Admitting,
  type Caller,
  exclusive,
  showAdmission as readAdmission,
  updateAdmission,
} from '@lanyard/authority'
import { ProtocolError } from '@lanyard/protocol'
import { authoritiesIn } from '../authority-file.ts'
import type { HandlerPorts } from '../http/ports.ts'
import { act, urgentAct } from './call.ts'

/** How agents of a tenant get identities. */
export function admissionHandlers(
  ports: HandlerPorts,
): Pick<Handlers<Routes, Caller>, 'getAdmission' | 'updateAdmission'> {
  const { store, rows, clock } = ports
  return {
    async getAdmission({ params, caller }) {
      const at = clock.now()
      return show(await store.read(() => readAdmission(rows, params.tenant, { caller, at })))
    },

    async updateAdmission(call) {
      const { tenant } = call.params
      const change = changeOf(call.body)
      const locks = exclusive(tenant)
      const step = (told: Act) => updateAdmission(rows, tenant, change, told)
      if (change.onFederation !== 'end') return show(await act(ports, call, locks, step))
      return show((await urgentAct(ports, call, locks, step)).done)
    },
  }
}

function changeOf(body: Body<Routes['updateAdmission']>) {
  const { agent_mtls_ca: agentMtlsCa } = body
  if (typeof agentMtlsCa === 'string') requireAuthorities(agentMtlsCa)
  return { onFederation: body.on_federation, agentMtlsRequired: body.agent_mtls_required, agentMtlsCa }
}

function requireAuthorities(pem: string): void {
  try {
    authoritiesIn(pem, 'agent_mtls_ca')
  } catch (error) {
    if (!(error instanceof ProtocolError || error instanceof LanyardError)) throw error
    throw new LanyardError('certificate_untrusted', error.message, {}, { cause: error })
  }
}

const show = (state: Admitting): Admission => ({
  tenant: state.tenant,
  on_federation: state.onFederation,
  agent_mtls_required: state.agentMtlsRequired,
  agent_mtls_ca: state.agentMtlsCa,
  federation_required: state.federates,
  internal_lineages: state.internalLineages,
})
