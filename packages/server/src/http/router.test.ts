import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Route } from '@lanyard/api'
import { Router } from './router.ts'

const route = (call: Route['call']): Route => ({
  call,
  summary: '',
  auth: { kind: 'public', because: 'test' },
  limit: { per: 'none', because: 'test' },
  audit: { because: 'test' },
  status: 200,
  errors: [],
})

const router = new Router({
  list: route('GET /things'),
  make: route('POST /things'),
  show: route('GET /things/{id}'),
  drop: route('DELETE /things/{id}'),
  part: route('GET /things/{id}/parts/{part}'),
})

test('finds a route by its whole path, and gives its parameters as they came', () => {
  assert.deepEqual(router.find('GET', '/things'), { id: 'list', params: {} })
  assert.deepEqual(router.find('HEAD', '/things'), { id: 'list', params: {} })
  assert.deepEqual(router.find('DELETE', '/things/%41'), { id: 'drop', params: { id: '%41' } })
  assert.deepEqual(router.find('GET', '/things/a/parts/b'), { id: 'part', params: { id: 'a', part: 'b' } })
  assert.deepEqual(router.find('GET', '/things/__proto__').params, { id: '__proto__' })
})

test('refuses every other path', () => {
  for (const path of [
    '',
    '/',
    'things',
    '/things/',
    '/Things',
    '/things/a/',
    '/things//parts/b',
    '/things/a/parts',
    '/thing',
  ]) {
    assert.throws(() => router.find('GET', path), { code: 'route_unknown' }, path)
  }
})

test('refuses other methods with those that there are', () => {
  for (const [method, path, allow] of [
    ['PUT', '/things', ['GET', 'POST', 'HEAD']],
    ['get', '/things', ['GET', 'POST', 'HEAD']],
    ['', '/things/a', ['GET', 'DELETE', 'HEAD']],
  ] as const) {
    assert.throws(
      () => router.find(method, path),
      (error: { code: string; extras: { allow: string[] } }) => {
        assert.equal(error.code, 'method_not_allowed')
        assert.deepEqual(error.extras.allow, allow)
        return true
      },
    )
  }
})

test('refuses to be made of two routes with one call', () => {
  assert.throws(() => new Router({ a: route('GET /x/{a}'), b: route('GET /x/{b}') }), /two routes/)
})
