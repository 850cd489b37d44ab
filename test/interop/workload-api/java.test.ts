import { tryLanguage } from './language.suite.ts'

tryLanguage({ program: 'java', serves: true, refusal: /INVALID_ARGUMENT/, withdrawn: null, keyPolicy: 'rsa-only' })
