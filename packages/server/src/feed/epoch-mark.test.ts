import assert from 'node:assert/strict'
import { copyFileSync, cpSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { exclusiveAll } from '@lanyard/authority'
import { openSqliteStore } from '../store/index.ts'
import { EpochMark } from './epoch-mark.ts'
import { feedSeed } from './feed-id.ts'

const base = mkdtempSync(join(tmpdir(), 'lanyard-mark-'))
after(() => rmSync(base, { recursive: true }))
let folders = 0

/** Opens the store in a folder, lets so many epochs pass, and gives the seed of its feed. */
async function serve(folder: string, epochs: number): Promise<string> {
  const path = join(folder, 'lanyard.db')
  const data = await openSqliteStore({ path, trustDomain: 'example.org', clock: { now: () => 0 } })
  const mark = new EpochMark(path)
  const seed = await feedSeed(data, epoch => mark.contradicts(epoch))
  for (let i = 0; i < epochs; i++) await data.store.urgent(() => data.rows.epoch.bump(), exclusiveAll)
  await mark.put(await data.store.read(() => data.rows.epoch.current()))
  await data.close()
  return seed
}

const newFolder = () => mkdtempSync(join(base, `${++folders}-`))

test('a store that goes on has the same feed at each start', async () => {
  const folder = newFolder()
  const seed = await serve(folder, 3)
  assert.equal(await serve(folder, 0), seed)
  assert.equal(await serve(folder, 2), seed)
  assert.equal(await serve(folder, 0), seed)
  for (const file of readdirSync(folder)) assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file)
})

test('a store that was put back has another feed', async t => {
  const ways: Record<string, (folder: string, copy: string) => string> = {
    'over the file itself': (folder, copy) => {
      copyFileSync(copy, join(folder, 'lanyard.db'))
      return folder
    },
    'in place of the file': (folder, copy) => {
      renameSync(copy, join(folder, 'lanyard.db'))
      return folder
    },
    'as a whole folder elsewhere': folder => {
      const other = newFolder()
      cpSync(folder, other, { recursive: true })
      return other
    },
    'without its mark': folder => {
      rmSync(join(folder, 'feed.mark'))
      return folder
    },
    'with a mark that is none': folder => {
      writeFileSync(join(folder, 'feed.mark'), 'x', { mode: 0o600 })
      return folder
    },
  }
  for (const [way, putBack] of Object.entries(ways)) {
    await t.test(way, async () => {
      const folder = newFolder()
      const seed = await serve(folder, 2)
      const copy = join(folder, 'copy.db')
      copyFileSync(join(folder, 'lanyard.db'), copy)
      await serve(folder, 5)
      for (const file of readdirSync(folder)) if (/-(wal|shm)$/.test(file)) rmSync(join(folder, file))
      const restored = putBack(folder, copy)
      const other = await serve(restored, 0)
      assert.notEqual(other, seed)
      assert.equal(await serve(restored, 1), other)
    })
  }
})
