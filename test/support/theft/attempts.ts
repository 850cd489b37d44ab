/** One way to steal an identity on a machine where the daemon runs, and what comes of it. */
export interface Attempt {
  /** What the thief does. */
  readonly attempt: string
  /** Code with which it is refused, of the daemon or of the system; null: nothing here stops it. */
  readonly code: string | null
  /** What stops it; where nothing does, what to do instead. */
  readonly because: string
}

/** By the part of the machine that is tried. The stories do each of these, and the page in the docs is made of them. */
export const ATTEMPTS = {
  'Processes that the agent starts': {
    'child shell': {
      attempt: 'A shell that the agent has spawned asks the socket.',
      code: 'workload_is_descendant',
      because: 'Only the process that was launched is the agent.',
    },
    'double fork': {
      attempt: 'It leaves the session and its parents behind (`setsid`, double fork) and asks then.',
      code: 'workload_is_descendant',
      because: 'Who its parent is does not matter: it was not launched.',
    },
    'child at the proxy': {
      attempt: 'It asks the socket on which the daemon keeps the keys of programs (`keys: daemon`).',
      code: 'workload_is_descendant',
      because: 'Who connects there is examined in the same way.',
    },
    'child as Envoy': {
      attempt: 'It asks for the key as Envoy does (`StreamSecrets`), where no header is demanded.',
      code: 'workload_is_descendant',
      because: 'As before.',
    },
    'same program again': {
      attempt: 'It executes the very program of the agent, with other arguments.',
      code: 'workload_is_descendant',
      because: 'The program does not make the agent, the launch does.',
    },
    'agent under its loader': {
      attempt: 'It executes the program of the agent with `NODE_OPTIONS=--require` code of its own.',
      code: 'workload_is_descendant',
      because: 'As before; and the agent itself was launched with an environment that was allow-listed.',
    },
    'connect then exec': {
      attempt: 'It connects, executes the program of the agent in its place, and asks over the connection.',
      code: 'workload_is_descendant',
      because: 'It is still the process that nobody launched.',
    },
    'agent becomes another program': {
      attempt: 'The launched process itself executes another program.',
      code: null,
      because: 'It is the agent, whatever it runs. Give the entry a selector such as `unix:path` or `unix:sha256`.',
    },
    'agent becomes a foreign program': {
      attempt: 'The same, where the entry has the path of the program as a selector.',
      code: 'no_identity',
      because: 'Executable and selectors are examined again for each new call.',
    },
  },
  Launching: {
    'second run by the agent': {
      attempt: 'It calls `lanyard run` itself, under the uid of the agent.',
      code: 'launch_forbidden',
      because: 'The admin socket is for root, the user of the daemon and `launchers`.',
    },
    'second run at a time': {
      attempt: 'It makes the supervisor launch the entry a second time.',
      code: 'launch_taken',
      because: 'One launch of an entry runs at a time, unless `replicas` says more.',
    },
    'environment of the launch': {
      attempt: 'It puts `NODE_OPTIONS` and `LD_PRELOAD` into the environment of `lanyard run`.',
      code: 'not_loaded',
      because: 'The environment is allow-listed; these two are not passed even where `--env` names them.',
    },
    'files of the daemon': {
      attempt: 'It reads the keys that the daemon keeps on disk.',
      code: 'EACCES',
      because: 'They are of the user of the daemon alone (0600, in a folder 0700).',
    },
    'agent beside its supervisor': {
      attempt: 'Agent and supervisor run as one user, as on a laptop, and a shell of the agent calls `lanyard run`.',
      code: null,
      because: 'One user keeps honest programs apart and nothing more: give agents users of their own (`--user`).',
    },
  },
  'Memory and debuggers': {
    inspector: {
      attempt: 'It sends `SIGUSR1`, so that Node.js opens its inspector.',
      code: 'no_inspector',
      because: '`lanyard run` starts Node.js with `--disable-sigusr1`.',
    },
    'memory of the same uid': {
      attempt: 'It reads the key from `/proc/PID/mem`, under the uid of the agent.',
      code: null,
      because:
        'The system allows it, unless ptrace is restricted (`kernel.yama.ptrace_scope` of 1 or more): run tools under another uid, or use `keys: daemon`.',
    },
    'memory where the daemon holds the keys': {
      attempt: 'It reads the memory of an agent that took its identity by the SDK with `keys: daemon`.',
      code: 'no_key_there',
      because:
        'The key is in the memory of the daemon, of another user. This stops export, not use: see the row below.',
    },
    'ptrace of the same uid': {
      attempt: 'It attaches to the agent as a debugger (`ptrace`), under the uid of the agent.',
      code: null,
      because: 'As before; whoever is attached can also ask in its name.',
    },
    'memory of another uid': {
      attempt: 'The same two under another uid.',
      code: 'EACCES',
      because: 'The system refuses: this is why tools run under another uid.',
    },
  },
  Connections: {
    'socket passed on': {
      attempt: 'The agent connects and passes the connection on to a process of its own (`SCM_RIGHTS`).',
      code: null,
      because: 'A connection speaks for who made it, while that process lives: hand no connection to tools.',
    },
    'inherited descriptor': {
      attempt: 'A child inherits a descriptor that the agent had connected.',
      code: null,
      because: 'As before. Node.js and Go close descriptors when they execute programs; other programs may not.',
    },
    'foreign connection through the agent': {
      attempt: 'It connects itself and makes the launched process ask over that connection.',
      code: 'workload_is_descendant',
      because: 'The connection speaks for the process that made it.',
    },
    'connection of the dead': {
      attempt: 'It keeps a connection of the agent, and asks over it when the agent has ended.',
      code: 'connection_ended',
      because: 'The process that connected is held by pidfd; when it ends the daemon ends its connections.',
    },
    'pid reuse': {
      attempt: 'It waits until the agent has ended, gets its process number, and asks.',
      code: 'workload_is_descendant',
      because: 'A launch is held by pidfd, not by number.',
    },
    'pid reuse with a connection of the dead': {
      attempt: 'It does both at a time: a connection of the agent, while another process has its number.',
      code: 'connection_ended',
      because: 'Number, start time and pidfd must be those of the process that connected.',
    },
  },
  'Executables (entries with `children: true`)': {
    'any process that matches': {
      attempt: 'A shell runs the registered program with arguments of its own, and it has the uid of the entry.',
      code: null,
      because: '`children: true` says so. Selectors of executables alone are no defence.',
    },
    'loader of the registered program': {
      attempt: 'The same with `NODE_OPTIONS=--require` code of its own.',
      code: null,
      because: 'The executable is the registered one. Do not use `children: true` where a shell has this uid.',
    },
    'connect, then exec the registered program': {
      attempt: 'Another program connects, then executes the registered one, and asks over the connection.',
      code: null,
      because: 'What the process is when it asks is examined; what it was is not known.',
    },
    'name of the registered program': {
      attempt: 'Another program calls itself by the name of the registered one (`argv[0]`, `process.title`).',
      code: 'no_identity',
      because: 'The executable is examined, not what a process calls itself.',
    },
    'symbolic link': {
      attempt: 'It puts a symbolic link to another program where the registered one is looked for.',
      code: 'no_identity',
      because: 'The path is that of the executable itself, as the kernel knows it.',
    },
    'replaced program': {
      attempt: 'It replaces the registered program, in a folder that its uid can write.',
      code: null,
      because:
        'It is the program at that path. Keep programs in folders of root; `lanyard run` warns; or register `unix:sha256`.',
    },
    'replaced program with a hash': {
      attempt: 'The same, where the entry also has `unix:sha256`.',
      code: 'no_identity',
      because: 'The executable that runs is hashed.',
    },
    'deleted program': {
      attempt: 'It runs another program at the registered path, and deletes the file.',
      code: 'no_identity',
      because: 'What has no file any more has no path.',
    },
    'deleted program with the right one in its place': {
      attempt: 'The same, and puts the right program there before it asks.',
      code: 'no_identity',
      because: 'Device and inode of what runs must be those of the file at the path.',
    },
    'bind mount': {
      attempt: 'In a user namespace of its own it mounts another program over the registered one.',
      code: 'no_identity',
      because: 'The path is looked up where the daemon sees it, and must be the same device and inode.',
    },
    'root of a container': {
      attempt: 'In a root folder of its own, as in a container, another program lies at the registered path.',
      code: 'no_identity',
      because: 'As before. What a container is counts by its cgroup, not by its files.',
    },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Attempt>>>>

type Groups = typeof ATTEMPTS
/** Name of an attempt. */
export type AttemptName = { [G in keyof Groups]: keyof Groups[G] }[keyof Groups]

/** All attempts by name. */
export const attemptNamed: Readonly<Record<AttemptName, Attempt>> = Object.assign({}, ...Object.values(ATTEMPTS))
