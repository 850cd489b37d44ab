import { SETTINGS, type Setting } from '@lanyard/server'

/** What `init` asks; the answer is the value of a setting. */
export interface Question {
  readonly setting: Setting
  readonly text: string
}

const TEXTS: Readonly<Record<string, string>> = {
  trust_domain: 'Trust domain, the name in every SPIFFE ID (it cannot be changed later)',
  data: 'Folder for the store and its keys',
  listen: 'Listen at HOST:PORT',
  hosts: 'Further names of this server, such as id.example.org (commas between)',
  key_policy: 'Keys of agents: rsa-only or modern',
}

/** Five settings; the sixth question is for a passphrase, which is no setting. */
export const QUESTIONS: readonly Question[] = Object.entries(TEXTS).map(([key, text]) => ({
  setting: SETTINGS.find(setting => setting.key === key)!,
  text,
}))
