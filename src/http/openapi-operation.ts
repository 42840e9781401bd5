import type {
  ZodOpenApiOperationObject,
  ZodOpenApiResponseObject,
  ZodOpenApiResponsesObject,
} from 'zod-openapi';
import { type ErrorCode, errorCatalogue, type OAuthErrorCode, oauthErrorCatalogue } from '../errors.ts';
import type { EndpointContract } from './endpoint.ts';
import { statusOf } from './error-response.ts';

type Status = `${1 | 2 | 3 | 4 | 5}${string}`;
type ResponseOrReference = ZodOpenApiResponsesObject[Status];

/** What any endpoint can answer, whatever it does: framing, time, size of the headers, our own defects. */
const ANYWHERE = ['INVALID_REQUEST', 'REQUEST_TIMEOUT', 'HEADERS_TOO_LARGE', 'INTERNAL_ERROR'] as const;
/** What any endpoint with a body can answer. */
const WITH_BODY = ['BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] as const;
/** Answered before an OAuth endpoint is reached, so always in the envelope. */
const BEFORE_ROUTING = ['REQUEST_TIMEOUT', 'HEADERS_TOO_LARGE'] as const;
/** Errors of the edge keep their status at an OAuth endpoint and are called `invalid_request` there. */
const OAUTH_EDGE_STATUSES = { 413: 'BODY_TOO_LARGE', 415: 'UNSUPPORTED_MEDIA_TYPE' } as const;

const headerReference = (name: string) => ({ $ref: `#/components/headers/${name}` });
const MEDIA_TYPES = { form: 'application/x-www-form-urlencoded', json: 'application/json' } as const;

/** The headers of an error of this status. */
export function errorHeaders(status: number): Record<string, { $ref: string }> {
  return {
    'X-Request-Id': headerReference('X-Request-Id'),
    'Cache-Control': headerReference('Cache-Control'),
    ...(status === 401 ? { 'WWW-Authenticate': headerReference('WWW-Authenticate') } : {}),
    ...(status === 429 || status === 503 ? { 'Retry-After': headerReference('Retry-After') } : {}),
    ...(status === 429
      ? { RateLimit: headerReference('RateLimit'), 'RateLimit-Policy': headerReference('RateLimit-Policy') }
      : {}),
  };
}

function byStatus<Code extends ErrorCode | OAuthErrorCode>(codes: readonly Code[]): Map<number, Code[]> {
  const groups = new Map<number, Code[]>();
  for (const code of new Set(codes)) {
    const status = statusOf(code);
    groups.set(status, [...(groups.get(status) ?? []), code]);
  }
  return groups;
}

function errorResponse(
  status: number,
  codes: readonly (ErrorCode | OAuthErrorCode)[],
  schema: 'Error' | 'OAuthError',
): ZodOpenApiResponseObject {
  const sentences = { ...errorCatalogue, ...oauthErrorCatalogue };
  return {
    description: codes.map((code) => `\`${code}\`: ${sentences[code].message}`).join('\n\n'),
    headers: errorHeaders(status),
    content: {
      'application/json': {
        schema: { $ref: `#/components/schemas/${schema}` },
        examples: Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
      },
    },
  };
}

/** A code that is alone under its status is described once, among the components. */
function envelopeResponses(codes: readonly ErrorCode[]): [number, ResponseOrReference][] {
  return [...byStatus(codes)].map(([status, group]) => [
    status,
    group.length === 1
      ? { $ref: `#/components/responses/${group[0]}` }
      : errorResponse(status, group, 'Error'),
  ]);
}

function oauthResponses(codes: readonly OAuthErrorCode[]): [number, ResponseOrReference][] {
  const own = [...byStatus([...codes, 'server_error'] as const)].map(
    ([status, group]): [number, ResponseOrReference] => [status, errorResponse(status, group, 'OAuthError')],
  );
  const edge = Object.entries(OAUTH_EDGE_STATUSES).map(([status, code]): [number, ResponseOrReference] => [
    Number(status),
    {
      ...errorResponse(Number(status), ['invalid_request'], 'OAuthError'),
      description: `\`invalid_request\`: ${errorCatalogue[code].message}`,
    },
  ]);
  const limited: [number, ResponseOrReference] = [
    429,
    {
      ...errorResponse(429, ['temporarily_unavailable'], 'OAuthError'),
      description: `\`temporarily_unavailable\`: ${errorCatalogue.RATE_LIMITED.message}`,
    },
  ];
  return [...own, ...edge, limited, ...envelopeResponses(BEFORE_ROUTING)];
}

/** The shared answer of one error code. */
export function componentResponse(code: ErrorCode): ZodOpenApiResponseObject {
  return errorResponse(statusOf(code), [code], 'Error');
}

/** Every code of the envelope that an endpoint can answer. */
function envelopeCodes({ listener, body, errors = [] }: EndpointContract): ErrorCode[] {
  const refuses = errors.some((code) => ['unauthenticated', 'forbidden'].includes(errorCatalogue[code].kind));
  // Refusals on the public listener are counted by address.
  const limited = listener === 'public' && refuses ? (['RATE_LIMITED'] as const) : [];
  return [...errors, ...limited, ...ANYWHERE, ...(body ? WITH_BODY : [])];
}

function successResponses({ responses }: EndpointContract): [number, ResponseOrReference][] {
  return Object.entries(responses).map(([status, response]) => {
    const { contentType = 'application/json', schema, headers = {} } = response;
    const hasContent = schema !== undefined || response.contentType !== undefined;
    return [
      Number(status),
      {
        description: response.description,
        headers: {
          ...errorHeaders(Number(status)),
          ...Object.fromEntries(
            Object.entries(headers).map(([name, description]) => [
              name,
              { description, schema: { type: 'string' as const } },
            ]),
          ),
        },
        ...(hasContent
          ? {
              content: {
                [contentType]: { schema: schema ?? { type: 'string' as const } },
              },
            }
          : {}),
      },
    ];
  });
}

/** Errors of an endpoint for browsers. */
function pageResponses(statuses: readonly number[]): [number, ResponseOrReference][] {
  const pages = statuses.map((status): [number, ResponseOrReference] => [
    status,
    {
      description: 'A page that says what is wrong',
      headers: errorHeaders(status),
      content: { 'text/html': { schema: { type: 'string' as const } } },
    },
  ]);
  return [...pages, ...envelopeResponses(BEFORE_ROUTING)];
}

function errorResponses(contract: EndpointContract): [number, ResponseOrReference][] {
  if (contract.errorPages) return pageResponses(contract.errorPages);
  if (contract.oauthErrors) return oauthResponses(contract.oauthErrors);
  return envelopeResponses(envelopeCodes(contract));
}

/** One endpoint as an OpenAPI operation: its own answers, and the errors that follow from its contract. */
export function documentedOperation(contract: EndpointContract): ZodOpenApiOperationObject {
  const { body, pathParameters, query, headers } = contract;
  const errors = errorResponses(contract);
  const responses = [...successResponses(contract), ...errors].sort(([a], [b]) => a - b);
  return {
    operationId: contract.operationId,
    tags: [contract.tag],
    summary: contract.summary,
    ...(contract.description === undefined ? {} : { description: contract.description }),
    security: (contract.security ?? []).map((names) => Object.fromEntries(names.map((name) => [name, []]))),
    ...(pathParameters || query || headers
      ? {
          requestParams: {
            ...(pathParameters ? { path: pathParameters } : {}),
            ...(query ? { query } : {}),
            ...(headers ? { header: headers } : {}),
          },
        }
      : {}),
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
    responses: Object.fromEntries(
      responses.map(([status, response]) => [String(status) as Status, response]),
    ),
  };
}
