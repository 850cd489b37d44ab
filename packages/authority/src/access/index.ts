export { requireMayBecome, requireMayServe, requireMayVouch } from './becoming.ts'
export { BINDINGS_MAX, type BindingInput, createBinding, deleteBinding } from './bind.ts'
export { createRole, deleteRole, ROLES_MAX, type RoleChange, type RoleInput, updateRole } from './define-role.ts'
export { type AccessQuestion, type Explained, type ExplainedStep, explainAccess } from './explain.ts'
export { grantsOf, grantsOfAgent, type Identified, permissionsIn } from './grants.ts'
export {
  createIssuer,
  deleteIssuer,
  ISSUERS_MAX,
  type IssuerInput,
  type IssuerSettings,
  updateIssuer,
} from './issuers.ts'
export { type CallTarget, narrow } from './narrow.ts'
export { type PrincipalParts, principalIdOf } from './principal-id.ts'
export { reinstatePrincipal } from './reinstate.ts'
export { BUILT_IN_ROLES, type BuiltInRole, permissionsOfRole } from './roles.ts'
export { type Given, heldWithin, type Reach, requireHeld } from './within.ts'
