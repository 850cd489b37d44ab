import { tryLanguage } from './language.suite.ts'

// The package tries again in silence after PermissionDenied.
tryLanguage({ program: 'python', serves: false, refusal: /^\w+: ./, withdrawn: null, keyPolicy: 'modern' })
