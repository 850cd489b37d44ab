import { once } from 'node:events'
import { startOn } from '../pinned.ts'
import type { Job, Outcome, Word } from './job.ts'

const CLIENT = new URL('./client.ts', import.meta.url).pathname

/** Drives a job from a process on the other processor; `onCounting` runs when the warm-up is over. */
export async function drive(job: Job, onCounting: () => void): Promise<Outcome> {
  const child = startOn(1, CLIENT, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' })
  child.send(job)
  const ended = once(child, 'exit')
  for await (const [word] of wordsOf(child)) {
    if (word.word === 'counting') onCounting()
    if (word.word === 'done') {
      await ended
      return word.outcome
    }
  }
  throw new Error('the load process ended before its job was done')
}

async function* wordsOf(child: ReturnType<typeof startOn>): AsyncGenerator<[Word]> {
  const queue: Word[] = []
  let wake = () => {}
  let over = false
  child.on('message', message => {
    queue.push(message as Word)
    wake()
  })
  child.on('exit', () => {
    over = true
    wake()
  })
  while (!over || queue.length > 0) {
    const word = queue.shift()
    if (word) yield [word]
    else await new Promise<void>(resolve => (wake = resolve))
  }
}
