import { tryLanguage } from './language.suite.ts'

tryLanguage({
  program: 'go-spiffe',
  serves: true,
  refusal: /^InvalidArgument$/,
  withdrawn: /PermissionDenied/,
  keyPolicy: 'modern',
})
