import { ACTIONS, type Attribute, CONTEXT, ENTITIES } from '@lanyard/policy'
import { code, page, table } from './markdown.ts'

/** docs/reference/policy-schema.md */
export function policySchemaPage(): string {
  return page(
    'What policies can speak of',
    'The types, actions and attributes of the namespace `Lanyard`, made from the routes and permissions. As Cedar, for editors: [lanyard.cedarschema](lanyard.cedarschema). How to use them: [the policy guide](../guides/policy.md).',
    '## Principals and resources',
    table(
      ['Type', 'What it is', 'In'],
      Object.entries(ENTITIES).map(([name, { in: parents, says }]) => [code(name), says, parents.map(code).join(', ')]),
    ),
    ...Object.entries(ENTITIES).flatMap(([name, { attributes, tags }]) =>
      Object.keys(attributes).length === 0
        ? []
        : [
            `### ${name}`,
            attributesOf(attributes),
            ...(tags ? ['Its tags are texts: `resource.hasTag("env") && resource.getTag("env") == "prod"`.'] : []),
          ],
    ),
    '## Context',
    'All may be missing: ask `context has hour && …`. An unknown one makes the question an error, which is a denial.',
    attributesOf(CONTEXT),
    '## Actions',
    'A call is in the group of its permission: `action in Lanyard::Action::"agent.kill"` is every call that needs it. Permissions are actions by themselves too, for AuthZEN and for what needs one beside its own.',
    table(
      ['Action', 'In', 'By', 'What it is'],
      Object.entries(ACTIONS).map(([name, { in: groups, principals, says }]) => [
        code(name),
        groups.map(code).join(', '),
        principals.map(code).join(', '),
        says,
      ]),
    ),
  )
}

const attributesOf = (attributes: Readonly<Record<string, Attribute>>) =>
  table(
    ['Attribute', 'Type', 'What it says'],
    Object.entries(attributes).map(([name, { type, always, says }]) => [code(always ? name : `${name}?`), type, says]),
  )
