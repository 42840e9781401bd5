import { createDocument, type ZodOpenApiObject } from 'zod-openapi';
import type { ErrorCode } from '../errors.ts';
import type { EndpointContract, ListenerName } from './endpoint.ts';
import { statusOf } from './error-response.ts';
import { errorSchema, oauthErrorSchema } from './schemas.ts';

const SERVERS = {
  public: {
    url: '{public_url}',
    description: 'Public listener',
    variables: { public_url: { default: 'https://identity.example.com', description: 'As configured' } },
  },
  admin: { url: 'http://127.0.0.1:8081', description: 'Admin listener' },
  ops: { url: 'http://127.0.0.1:8082', description: 'Operations listener' },
} satisfies Record<ListenerName, object>;

const SECURITY_SCHEMES = {
  sessionCookie: {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-symbolon',
    description: 'Session of a signed-in customer. Calls that ride on it also need X-Symbolon-CSRF: 1.',
  },
  clientBasic: {
    type: 'http',
    scheme: 'basic',
    description: 'Client id and secret (RFC 6749 section 2.3.1).',
  },
  accessToken: { type: 'http', scheme: 'bearer', description: 'Access token of the token endpoint.' },
  keySecret: { type: 'http', scheme: 'bearer', description: 'Secret (sk_…) of a bearer-use API key.' },
  apiKey: {
    type: 'apiKey',
    in: 'header',
    name: 'api-key',
    description: 'Public id (pk_…); also as X-API-Key.',
  },
  customerAuth: {
    type: 'apiKey',
    in: 'header',
    name: 'customer-auth',
    description: 'Customer proof: JWT followed by the customer token. The name can be configured.',
  },
  adminToken: { type: 'http', scheme: 'bearer', description: 'The admin token.' },
} as const;

const MEDIA_TYPES = { json: 'application/json', form: 'application/x-www-form-urlencoded' } as const;

/** What any endpoint can answer, whatever else it can. */
const ALWAYS: readonly ErrorCode[] = ['INTERNAL_ERROR'];

type Responses = Record<string, { description: string; content?: Record<string, { schema: unknown }> }>;

function errorResponses(contract: EndpointContract): Responses {
  if (contract.oauthErrors) {
    const content = { 'application/json': { schema: oauthErrorSchema } };
    const responses: Responses = { default: { description: 'An error as in RFC 6749 section 5.2', content } };
    for (const status of [400, 401, 500, 503]) {
      responses[status] = { description: 'An error as in RFC 6749 section 5.2', content };
    }
    return responses;
  }
  const content = { 'application/json': { schema: errorSchema } };
  const byStatus = new Map<number, string[]>();
  for (const code of new Set([...(contract.errors ?? []), ...ALWAYS])) {
    byStatus.set(statusOf(code), [...(byStatus.get(statusOf(code)) ?? []), code]);
  }
  const responses: Responses = { default: { description: 'Any other error', content } };
  for (const [status, codes] of byStatus) responses[status] = { description: codes.join(', '), content };
  return responses;
}

function operation(contract: EndpointContract): Record<string, unknown> {
  const { body, responses: answers } = contract;
  const responses = errorResponses(contract);
  for (const [status, { description, schema, contentType }] of Object.entries(answers)) {
    const type = contentType ?? 'application/json';
    const content = { [type]: { schema: schema ?? { type: 'string' } } };
    responses[status] = schema || contentType ? { description, content } : { description };
  }
  const parameters = {
    ...(contract.pathParameters ? { path: contract.pathParameters } : {}),
    ...(contract.query ? { query: contract.query } : {}),
    ...(contract.headers ? { header: contract.headers } : {}),
  };
  return {
    operationId: contract.operationId,
    tags: [contract.tag],
    summary: contract.summary,
    ...(contract.description ? { description: contract.description } : {}),
    security: (contract.security ?? []).map((names) => Object.fromEntries(names.map((name) => [name, []]))),
    ...(Object.keys(parameters).length > 0 ? { requestParams: parameters } : {}),
    ...(body
      ? {
          requestBody: {
            required: body.required,
            content: Object.fromEntries(
              body.types.map((type) => [MEDIA_TYPES[type], { schema: body.schema }]),
            ),
          },
        }
      : {}),
    responses,
  };
}

/**
 * The description of every endpoint (OpenAPI 3.1), written from the contracts that the endpoints parse with. A path
 * that several listeners serve is described once, with all of their addresses.
 */
export function openApiDocument(
  contracts: readonly EndpointContract[],
  info: { version: string },
): ReturnType<typeof createDocument> {
  const paths: Record<string, Record<string, { servers: unknown[] }>> = {};
  for (const contract of contracts) {
    const path = (paths[contract.path] ??= {});
    const known = path[contract.method];
    const server = SERVERS[contract.listener];
    if (known) known.servers.push(server);
    else path[contract.method] = { ...operation(contract), servers: [server] };
  }
  const tags = [...new Set(contracts.map(({ tag }) => tag))].map((name) => ({ name }));
  return createDocument({
    openapi: '3.1.1',
    info: {
      title: 'Symbolon',
      version: info.version,
      description: 'Customer-identity bridge for chat channels. Errors are described in docs/errors.md.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [SERVERS.public],
    tags,
    paths,
    components: { securitySchemes: SECURITY_SCHEMES },
  } as ZodOpenApiObject);
}
