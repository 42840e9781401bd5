import { z } from 'zod';
import { apiKey } from './api-key.ts';
import { authorizationCode } from './authorization-code.ts';
import { basic } from './basic.ts';
import { bearer } from './bearer.ts';
import { clientCredentials } from './client-credentials.ts';
import type { OutboundAuth, OutboundAuthDeps, OutboundAuthScheme } from './outbound-types.ts';
import { signatureV1, signatureV2 } from './request-signature.ts';

/** Every way to present our own credentials, by the `type` that the configuration names. */
const authSchemes = {
  client_credentials: clientCredentials,
  authorization_code: authorizationCode,
  api_key: apiKey,
  bearer,
  basic,
  signature_v1: signatureV1,
  signature_v2: signatureV2,
};

type OptionsSchema = (typeof authSchemes)[keyof typeof authSchemes]['optionsSchema'];

const schemas = Object.values(authSchemes).map((scheme) => scheme.optionsSchema);

/** One entry of a connection's `auth` list. */
export const authSchema = z.discriminatedUnion('type', schemas as [OptionsSchema, ...OptionsSchema[]]);

type AuthOptions = z.infer<typeof authSchema>;

/** The schema has checked the options against the scheme that their type names. */
function schemeOf(options: AuthOptions): OutboundAuthScheme<z.ZodType<AuthOptions>> {
  return authSchemes[options.type];
}

/** Lower-case names of the headers that an entry will set. */
export function authHeaderNames(options: AuthOptions): string[] {
  return schemeOf(options).headerNames(options);
}

/** Throws `StartRefused` for an address that we may not call. */
export function createOutboundAuth(options: AuthOptions, deps: OutboundAuthDeps): OutboundAuth {
  return schemeOf(options).create(options, deps);
}
