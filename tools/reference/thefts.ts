import { ATTEMPTS, type Attempt } from '../../test/support/theft/attempts.ts'
import { code, page, table } from './markdown.ts'

/** docs/attestors/what-a-child-can-do.md */
export const theftsPage = (): string =>
  page(
    'What a hostile child process can do',
    'A model that drives an agent can make it run programs. This page lists the ways in which such a program, on a machine where the daemon runs, could try to become the agent, and what comes of each. It is made of the table of the tests: `test/stories/theft-*.test.ts` really does every row, with real processes under several users, against a real authority and a real daemon.',
    'In short: run agents by `lanyard run --user`, as systemd units or as containers; run the tools of an agent under **another uid** than the agent; keep programs where that uid cannot write; and use `children: true` only where nothing hostile has the uid of the entry. Under the uid of the agent a shell may still read its memory unless ptrace is restricted, change its code where it can write it, or use a connection that it was handed.',
    ...Object.entries(ATTEMPTS).flatMap(([group, attempts]) => [`## ${group}`, rowsOf(attempts)]),
    '## What these results mean',
    'A code is what the caller gets: over the Workload API with `PermissionDenied`, from `lanyard run` as its refusal, or from the system (`EACCES`). `connection_ended`: the daemon closes the connection without an answer. `not_loaded` and `no_inspector`: the agent goes on, and nothing of the attempt has reached it. **Nothing here** means that Lanyard does not stop it, and what to do instead.',
    'Every process that is refused although the selectors of an entry match it is logged by the daemon and reported to the authority, where an event `workload.refused` tells of it.',
  )

const rowsOf = (attempts: Readonly<Record<string, Attempt>>): string =>
  table(
    ['Attempt', 'Stopped by', 'Why, or what to do'],
    Object.values(attempts).map(({ attempt, code: given, because }) => [
      attempt,
      given === null ? '**nothing here**' : code(given),
      because,
    ]),
  )
