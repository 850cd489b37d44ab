import { type Handlers, LanyardError, type Routes } from '@lanyard/api'
import type { Caller } from '@lanyard/authority'

const IDS = [
  ...['createRole', 'listRoles', 'updateRole', 'deleteRole', 'createBinding', 'listBindings', 'deleteBinding'],
  ...['createIssuer', 'listIssuers', 'updateIssuer', 'deleteIssuer', 'reinstatePrincipal', 'explainAccess', 'getLogin'],
]

export const pendingHandlers = () =>
  Object.fromEntries(
    IDS.map(id => [
      id,
      () => {
        throw new LanyardError('not_ready', `${id} is not there`)
      },
    ]),
  ) as unknown as Handlers<Routes, Caller>
