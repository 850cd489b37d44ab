/** The path of the pinned `node` binary. */
export function pinnedNode(): string
/** Flags of the command line's own process. */
export const LANYARD_FLAGS: readonly string[]
/** Runs the pinned Node with these arguments, and ends as it ended. */
export function runPinned(args: readonly string[]): void
