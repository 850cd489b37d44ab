/** Refusals of this folder: code → title and remedy. Tests assert the code; texts may improve. */
export const X509_CODES = {} as const
