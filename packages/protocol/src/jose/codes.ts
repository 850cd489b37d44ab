/** Refusals of this folder: code → title and remedy. Tests assert the code; texts may improve. */
export const JOSE_CODES = {} as const
