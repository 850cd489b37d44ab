/** Everything that `lanyard doctor` looks at: code → what is asked, and what to do when the answer is no. */
export const CHECKS = {
  config_usable: {
    asks: 'Can the settings be used?',
    remedy: 'Correct the setting named in the message.',
  },
  data_folder_private: {
    asks: 'Can only its owner enter the data folder and read its files?',
    remedy: 'chmod 700 the folder and 600 its files; if others could read the keys, make new ones.',
  },
  keys_sealed: {
    asks: 'Are the private keys in the store under a passphrase?',
    remedy:
      'Start a new data folder with LANYARD_PASSPHRASE or LANYARD_PASSPHRASE_FILE; unsealed keys go with any copy.',
  },
  passphrase_file_private: {
    asks: 'Can only its owner read the passphrase file?',
    remedy: 'chmod 600 the file; if others could read it, make a new data folder under a new passphrase.',
  },
  admin_key_kept: {
    asks: 'Was the first admin key taken out of the data folder?',
    remedy: 'Keep the key elsewhere (`lanyard bootstrap --api-key-file`), then delete the file.',
  },
  user_separate: {
    asks: 'Does the authority run under a user of its own?',
    remedy: 'Run the authority under a user that no agent and no person uses.',
  },
  profile_private: {
    asks: 'Can only its owner read the profile that commands use?',
    remedy: 'chmod 600 the file; if it held an API key that others could read, delete that key.',
  },
  agent_secrets_private: {
    asks: 'Do secrets of agents lie only in files that their owner alone can read?',
    remedy:
      'chmod 600 the file, or name one by LANYARD_AGENT_SECRET_FILE instead of a variable; make a secret anew that others could read: lanyard agent secret create.',
  },
  server_reachable: {
    asks: 'Does the authority answer, and is it the one that is trusted?',
    remedy: 'Check that `lanyard up` runs, its URL and the fingerprint of its root.',
  },
  server_ready: {
    asks: 'Can the authority record and sign?',
    remedy: 'See the log of the authority.',
  },
  clock_skew: {
    asks: 'Do the clocks here and at the authority agree within ten seconds?',
    remedy: 'Synchronise both clocks (NTP): certificates of minutes end early or late otherwise.',
  },
  tls_13_only: {
    asks: 'Does the authority refuse TLS 1.2?',
    remedy: 'Let clients reach the authority itself, without a proxy that ends TLS.',
  },
  tls_no_resumption: {
    asks: 'Does the authority refuse resumed TLS sessions?',
    remedy: 'Let clients reach the authority itself: a resumed session skips the checks of the peer.',
  },
  tls_post_quantum: {
    asks: 'Does the authority offer the hybrid key exchange X25519MLKEM768?',
    remedy: 'Start the authority with the Node.js that comes with it.',
  },
  server_certificate: {
    asks: "Is the authority's own certificate renewed in time?",
    remedy: 'Restart the authority and see its log: it renews its certificate at half of 24 hours.',
  },
  intermediate_age: {
    asks: 'Is the intermediate replaced in time?',
    remedy: 'Restart the authority and see its log: it replaces intermediates at half of seven days.',
  },
  root_age: {
    asks: 'Does the root last for another year?',
    remedy: 'Plan a new root before it ends: everything under it ends with it.',
  },
  api_key_narrow: {
    asks: 'Is the API key or session in use no wider than daily work needs, and a key good for another week?',
    remedy:
      'Make a key for the purpose: lanyard apikey create NAME --role operator --tenant TENANT; or log in with a role for it.',
  },
} as const satisfies Record<string, { asks: string; remedy: string }>

export type CheckCode = keyof typeof CHECKS

/** `failed` makes the command fail; `warning` is for the owner to weigh. */
export type Status = 'ok' | 'warning' | 'failed' | 'skipped'

export interface Finding {
  readonly code: CheckCode
  readonly status: Status
  /** What was found, one line. */
  readonly detail: string
}

export const finding = (code: CheckCode, status: Status, detail: string): Finding => ({ code, status, detail })
