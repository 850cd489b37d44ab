export {
  CLIENT_SECRET,
  type OidcOptions,
  OidcProvider,
  type OidcUser,
  OPAQUE,
} from '../../packages/cli/src/testing/openid-provider.ts'
