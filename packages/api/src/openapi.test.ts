import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERRORS } from './errors.ts'
import { errorsOf, openApi } from './openapi.ts'
import { type Route, splitCall } from './route.ts'
import { routes } from './routes/index.ts'

// biome-ignore lint/suspicious/noExplicitAny: a document of unknown depth
const document = openApi(routes) as any

test('has an operation for every route, and none beside', () => {
  const written = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map(method => `${method.toUpperCase()} ${path}`),
  )
  assert.deepEqual(
    written.sort(),
    Object.values(routes)
      .map(({ call }) => call)
      .sort(),
  )
})

test('says of each operation who may, what comes in and out, and how it is refused', () => {
  for (const [id, route] of Object.entries<Route>(routes)) {
    const { method, path } = splitCall(route.call)
    const operation = document.paths[path][method.toLowerCase()]
    assert.equal(operation.operationId, id)
    assert.equal(operation.security.length, route.auth.kind === 'public' ? 0 : route.auth.accepts.length)
    assert.equal(operation.requestBody !== undefined, route.body !== undefined)
    assert.ok(operation.responses[route.status], id)
    for (const code of errorsOf(route)) assert.ok(operation.responses[ERRORS[code].status], `${id} ${code}`)
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    const named = operation.parameters
      .filter((p: { in: string }) => p.in === 'path')
      .map((p: { name: string }) => p.name)
    assert.deepEqual(named, inPath)
  }
})

test('refers only to what it holds, and is plain JSON', () => {
  const text = JSON.stringify(document)
  assert.deepEqual(JSON.parse(text), document)
  for (const [, ref] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    let target = document
    for (const key of ref!.split('/')) target = target?.[key]
    assert.ok(target, ref!)
  }
})

test('says that bodies take no other fields', () => {
  const body = document.paths['/v1/tenants'].post.requestBody.content['application/json'].schema
  assert.equal(body.additionalProperties, false)
  assert.deepEqual(body.required, ['tenant'])
})
