import { ACTIONS, type ActionType, type Attribute, CONTEXT, ENTITIES, NAMESPACE } from './vocabulary.ts'

/** The schema of what is ours, in Cedar's own notation: the same text each time. */
export const SCHEMA: string = [
  `namespace ${NAMESPACE} {`,
  `  type Context = ${record(CONTEXT)};`,
  '',
  ...Object.entries(ENTITIES).flatMap(([name, { in: parents, attributes, tags, says }]) => {
    const shape = Object.keys(attributes).length === 0 ? '' : ` ${record(attributes)}`
    const within = parents.length === 0 ? '' : ` in [${parents.join(', ')}]`
    return [`  // ${says}`, `  entity ${name}${within}${shape}${tags ? ' tags String' : ''};`, '']
  }),
  ...Object.entries(ACTIONS).flatMap(([name, action]) => actionLines(name, action)),
  '}',
  '',
].join('\n')

function record(attributes: Readonly<Record<string, Attribute>>): string {
  const lines = Object.entries(attributes).map(
    ([name, { type, always, says }]) => `    // ${says}\n    ${name}${always ? '' : '?'}: ${type},`,
  )
  return `{\n${lines.join('\n')}\n  }`
}

function actionLines(name: string, { in: groups, principals, resources, says }: ActionType): string[] {
  const within = groups.length === 0 ? '' : ` in [${groups.map(group => `"${group}"`).join(', ')}]`
  return [
    `  // ${says}`,
    `  action "${name}"${within} appliesTo {`,
    `    principal: [${principals.join(', ')}], resource: [${resources.join(', ')}], context: Context,`,
    '  };',
  ]
}
