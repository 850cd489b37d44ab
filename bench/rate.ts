/** Runs `work` for so many seconds after a warm-up; gives how often it ran per second. */
export async function rate(work: () => unknown, seconds: number): Promise<number> {
  await count(work, 300)
  return await count(work, seconds * 1000)
}

async function count(work: () => unknown, ms: number): Promise<number> {
  const start = performance.now()
  let done = 0
  for (; performance.now() - start < ms; done += 16) for (let i = 0; i < 16; i++) await work()
  return (done * 1000) / (performance.now() - start)
}
