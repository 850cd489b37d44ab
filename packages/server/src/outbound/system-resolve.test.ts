import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveBy } from './system-resolve.ts'

type Said = readonly string[] | string

/** Name services that say this, or fail with this code; and who was asked. */
function services(said: { readonly v4: Said; readonly v6: Said; readonly system?: Said }) {
  const asked: string[] = []
  const answer = (who: string, what: Said) => async () => {
    asked.push(who)
    if (typeof what === 'string') throw Object.assign(new Error(what), { code: what })
    return what
  }
  const resolve = resolveBy({
    resolve4: answer('v4', said.v4),
    resolve6: answer('v6', said.v6),
    system: answer('system', said.system ?? 'ENOTFOUND'),
  })
  return { resolve, asked }
}

test('addresses of both families come from the name servers, and the system is not asked', async () => {
  const { resolve, asked } = services({ v4: ['192.0.2.1'], v6: ['2001:db8::1'] })
  assert.deepEqual(await resolve('idp.example'), ['192.0.2.1', '2001:db8::1'])
  assert.deepEqual(asked, ['v4', 'v6'])
  assert.deepEqual(await services({ v4: ['192.0.2.1'], v6: 'ENODATA' }).resolve('idp.example'), ['192.0.2.1'])
  assert.deepEqual(await services({ v4: ['192.0.2.1'], v6: 'ETIMEOUT' }).resolve('idp.example'), ['192.0.2.1'])
})

test('what the name servers do not know, the system may: its hosts file, its search domains', async () => {
  for (const code of ['ENOTFOUND', 'ENODATA', 'ECONNREFUSED'])
    assert.deepEqual(await services({ v4: code, v6: code, system: ['10.0.0.1'] }).resolve('idp.corp'), ['10.0.0.1'])
})

test('a name server that never answers, or breaks off, takes no thread of the process', async () => {
  for (const code of ['ETIMEOUT', 'ESERVFAIL', 'EREFUSED', 'ECANCELLED']) {
    const { resolve, asked } = services({ v4: code, v6: 'ENODATA', system: ['10.0.0.1'] })
    await assert.rejects(resolve('slow.evil.example'), { code })
    assert.deepEqual(asked, ['v4', 'v6'])
  }
})

test('a name without a dot is asked of the system alone', async () => {
  const { resolve, asked } = services({ v4: [], v6: [], system: ['127.0.0.1'] })
  assert.deepEqual(await resolve('localhost'), ['127.0.0.1'])
  assert.deepEqual(asked, ['system'])
})
