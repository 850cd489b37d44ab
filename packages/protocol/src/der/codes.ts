/** Refusals of this folder: code → title and remedy. Tests assert the code; texts may improve. */
export const DER_CODES = {} as const
