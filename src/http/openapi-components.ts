import type {
  ZodOpenApiComponentsObject,
  ZodOpenApiExampleObject,
  ZodOpenApiSecuritySchemeObject,
} from 'zod-openapi';
import {
  BridgeError,
  type ErrorCode,
  errorCatalogue,
  type OAuthErrorCode,
  oauthErrorCatalogue,
} from '../errors.ts';
import { errorEnvelope } from './error-response.ts';
import { LIMIT_HEADERS } from './limit-headers.ts';
import { componentResponse } from './openapi-operation.ts';
import { errorSchema, oauthErrorSchema } from './schemas.ts';

const EXAMPLE_REQUEST_ID = 'mYxQfWcJ0zk1Zc3h';

const securitySchemes: Record<string, ZodOpenApiSecuritySchemeObject> = {
  sessionCookie: {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-symbolon',
    description: 'The session cookie that cookie delivery sets; `sessions.cookie_name` names it.',
  },
  refreshToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'rt_…',
    description: 'The refresh token of a device (docs/mobile-refresh.md); the call does not use it up.',
  },
  accessToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'An access token (RFC 9068) of the token endpoint, with the scope that the call needs.',
  },
  keySecret: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'sk_…',
    description: 'The secret of a bearer-use API key.',
  },
  apiKey: {
    type: 'apiKey',
    in: 'header',
    name: 'api-key',
    description: 'The public id (`pk_…`) of an API key; `X-API-Key` is taken too, but not both.',
  },
  requestSignature: {
    type: 'apiKey',
    in: 'header',
    name: 'x-api-signature',
    description:
      'A request signature: v1 with `X-Timestamp` and `X-API-Signature`, or v2 with `Signature-Input`, `Signature` and `Content-Digest` (docs/signatures.md).',
  },
  customerAuth: {
    type: 'apiKey',
    in: 'header',
    name: 'customer-auth',
    description:
      '`JWT <customer token>`, or `Cookie <session cookie>` passed through; `http.customer_auth_header` names the header. The body field `customer_auth` may stand in for it.',
  },
  clientBasic: {
    type: 'http',
    scheme: 'basic',
    description: 'Client id and client secret, each form-encoded first (RFC 6749 section 2.3.1).',
  },
  adminToken: {
    type: 'http',
    scheme: 'bearer',
    description: 'The admin token: `admin.token`, else the one in `.symbolon/admin-token`.',
  },
};

const text = (description: string) => ({ description, schema: { type: 'string' as const } });

function errorExample(code: ErrorCode): ZodOpenApiExampleObject {
  return {
    summary: errorCatalogue[code].message,
    value: errorEnvelope(new BridgeError(code), EXAMPLE_REQUEST_ID),
  };
}

function oauthExample(code: OAuthErrorCode): ZodOpenApiExampleObject {
  const { message } = oauthErrorCatalogue[code];
  return { summary: message, value: { error: code, error_description: message } };
}

/** What several operations share: security schemes, headers, and each error of the catalogue with an example. */
export function documentedComponents(): ZodOpenApiComponentsObject {
  const codes = Object.keys(errorCatalogue) as ErrorCode[];
  const oauthCodes = Object.keys(oauthErrorCatalogue) as OAuthErrorCode[];
  return {
    securitySchemes,
    headers: {
      'X-Request-Id': text('Our id of the request; it is in our logs and audit records.'),
      'Cache-Control': text('`no-store`, except at the key set and the metadata.'),
      'WWW-Authenticate': text('How to authenticate (RFC 9110 section 11.6.1, RFC 6750 section 3).'),
      'Retry-After': {
        description: 'Whole seconds after which another try makes sense.',
        schema: { type: 'integer', minimum: 0 },
      },
      ...Object.fromEntries(Object.entries(LIMIT_HEADERS).map(([name, what]) => [name, text(what)])),
    },
    schemas: { Error: errorSchema, OAuthError: oauthErrorSchema },
    examples: Object.fromEntries([
      ...codes.map((code) => [code, errorExample(code)] as const),
      ...oauthCodes.map((code) => [code, oauthExample(code)] as const),
    ]),
    responses: Object.fromEntries(codes.map((code) => [code, componentResponse(code)])),
  };
}
