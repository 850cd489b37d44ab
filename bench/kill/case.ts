/** One case of the benchmark: where everything runs, and what it aims at. */
export interface Case {
  readonly letter: string
  readonly title: string
  /** Everything in one process; each in its own; each in its own on a network with a delay and a loss. */
  readonly hosts: 'one process' | 'processes' | 'namespaces'
  readonly store: 'sqlite' | 'postgres'
  readonly redis?: boolean
  /** Instances of the authority; services follow them in turn. */
  readonly instances: 1 | 2
  /** The instance that takes a kill ends as soon as it is committed. */
  readonly dies?: boolean
  /** Services that are called. */
  readonly workers: number
  /** Connections of the agent that is killed to each service. */
  readonly connections: number
  /** Further enforcement points, and idle connections to the instance. */
  readonly points?: number
  readonly idle?: number
  /** Requests for certificates under way all the time. */
  readonly flood?: number
  readonly aims: { readonly p99Ms?: number; readonly maxMs?: number; readonly allToldMs?: number }
}

const PROMPT = { p99Ms: 100, maxMs: 1000 }

export const CASES: readonly Case[] = [
  {
    letter: 'a',
    title: 'one process: authority, service and caller',
    hosts: 'one process',
    store: 'sqlite',
    instances: 1,
    workers: 1,
    connections: 2,
    aims: PROMPT,
  },
  {
    letter: 'b',
    title: '4 services in processes of their own',
    hosts: 'processes',
    store: 'sqlite',
    instances: 1,
    workers: 4,
    connections: 2,
    aims: PROMPT,
  },
  {
    letter: 'c',
    title: 'the same, 5 ms and 1 % loss each way',
    hosts: 'namespaces',
    store: 'sqlite',
    instances: 1,
    workers: 4,
    connections: 4,
    aims: { p99Ms: 250 },
  },
  {
    letter: 'd1',
    title: '2 instances on PostgreSQL, with Redis',
    hosts: 'processes',
    store: 'postgres',
    redis: true,
    instances: 2,
    workers: 4,
    connections: 2,
    aims: PROMPT,
  },
  {
    letter: 'd2',
    title: '2 instances on PostgreSQL, without Redis',
    hosts: 'processes',
    store: 'postgres',
    instances: 2,
    workers: 4,
    connections: 2,
    aims: PROMPT,
  },
  {
    letter: 'e',
    title: 'the instance that took the kill dies at its commit',
    hosts: 'processes',
    store: 'postgres',
    instances: 2,
    dies: true,
    workers: 4,
    connections: 2,
    aims: PROMPT,
  },
  {
    letter: 'f',
    title: '1,000 more enforcement points, 2,000 idle connections',
    hosts: 'processes',
    store: 'sqlite',
    instances: 1,
    workers: 1,
    connections: 2,
    points: 1000,
    idle: 2000,
    aims: { allToldMs: 1000 },
  },
  {
    letter: 'g',
    title: 'during a flood of CSRs, 32 under way',
    hosts: 'processes',
    store: 'sqlite',
    instances: 1,
    workers: 4,
    connections: 2,
    flood: 32,
    aims: PROMPT,
  },
]

/** The cases with these letters: `d` stands for both of its parts. @throws Error for one that is not there */
export function casesOf(letters: readonly string[]): readonly Case[] {
  return letters.flatMap(wanted => {
    const found = CASES.filter(({ letter }) => letter === wanted || letter[0] === wanted)
    if (found.length === 0)
      throw new Error(`expected cases of ${CASES.map(({ letter }) => letter).join(', ')}, got ${wanted}`)
    return found
  })
}
