import type { ZodOpenApiObject, ZodOpenApiPathItemObject, ZodOpenApiPathsObject } from 'zod-openapi';
import { programVersion } from '../platform/version.ts';
import { apiKeyEndpoints } from './admin/api-keys.ts';
import { auditEndpoints } from './admin/audit.ts';
import { auditRetentionEndpoints } from './admin/audit-retention.ts';
import { channelEndpoints } from './admin/channels.ts';
import { clientEndpoints } from './admin/clients.ts';
import { connectionEndpoints } from './admin/connections.ts';
import { customerEndpoints } from './admin/customers.ts';
import { directoryUserEndpoints } from './admin/directory-users.ts';
import { fieldsEndpoint } from './admin/fields.ts';
import { identifierFileEndpoints } from './admin/identifier-files.ts';
import { identifierLifeEndpoints } from './admin/identifier-life.ts';
import { keyEndpoints } from './admin/keys.ts';
import { limitEndpoints } from './admin/limits.ts';
import { partnerCallEndpoint } from './admin/partner-calls.ts';
import { partnerEndpoints } from './admin/partners.ts';
import { rotationEndpoints } from './admin/rotation.ts';
import { statusEndpoints } from './admin/status.ts';
import { tryLoginEndpoint } from './admin/try-login.ts';
import { whyEndpoint } from './admin/why.ts';
import { publicEndpoints } from './app.ts';
import type { EndpointContract, ListenerName } from './endpoint.ts';
import { healthLive, healthReady, metricsEndpoint } from './endpoints/health.ts';
import { documentedComponents } from './openapi-components.ts';
import { documentedOperation } from './openapi-operation.ts';

const INTRODUCTION = `Symbolon turns a company's own sign-in into the proof that each chat channel wants, gives every customer one
opaque identifier, and answers the channel's later questions about that customer from the company's own profile APIs.

- Bodies are JSON in UTF-8; where a form is taken too, it says so. A body is at most 65,536 bytes
  (\`/customer_authenticate\`: 16,384). Compressed bodies are refused.
- A parameter or a top-level JSON member that stands twice is refused. Members that nobody knows are ignored.
- Every error is in one envelope (\`Error\`), at the OAuth 2.0 endpoints in the form of RFC 6749 section 5.2.
- Another method than the documented ones is answered with 405 and \`Allow\`, an unknown path with 404.
- Every answer carries \`X-Request-Id\`. Quote it when you ask about a request.`;

const ADMIN_INTRODUCTION = `The admin API and the operations endpoints of Symbolon. Each has a listener of its own, on a loopback address by
default; the public listener answers none of this.

- Every call of the admin API needs the admin token: \`Authorization: Bearer <admin token>\`.
- Bodies are JSON in UTF-8, at most 65,536 bytes. Members that nobody knows are refused.
- Every change is in the audit log, written in the transaction of the change itself.
- Credentials are shown in the answer that makes them, and never again.
- Every error is in one envelope (\`Error\`).`;

const SERVERS = {
  public: {
    url: '{public_url}',
    description: 'The public listener.',
    variables: {
      public_url: { default: 'https://identity.example.com', description: 'The setting `public_url`.' },
    },
  },
  admin: {
    url: 'http://127.0.0.1:8081',
    description: 'The admin listener: `admin.host` and `admin.port`, loopback by default.',
  },
  ops: {
    url: 'http://127.0.0.1:8082',
    description: 'The operations listener: `ops.host` and `ops.port`, loopback by default.',
  },
} satisfies Record<ListenerName, object>;

/** The two descriptions: of the public listener, and of the admin and operations listeners. */
export type DescriptionName = 'public' | 'admin';

const DESCRIPTIONS = {
  public: {
    title: 'Symbolon',
    summary: 'Customer-identity bridge for chat channels.',
    introduction: INTRODUCTION,
    listeners: ['public'],
  },
  admin: {
    title: 'Symbolon administration',
    summary: 'Admin API and operations endpoints of the customer-identity bridge.',
    introduction: ADMIN_INTRODUCTION,
    listeners: ['admin', 'ops'],
  },
} as const satisfies Record<DescriptionName, { listeners: readonly ListenerName[]; [text: string]: unknown }>;

const TAGS = [
  { name: 'Customers', description: "What a channel's page or app calls for its customer." },
  { name: 'Partners', description: "What a partner's server calls." },
  { name: 'OAuth 2.0', description: 'The authorization server: tokens, metadata, public keys.' },
  { name: 'Pages for customers', description: 'What a browser shows: sign-in, consent, connected apps.' },
  { name: 'Administration', description: 'The admin API, with the admin token.' },
  { name: 'Operations', description: 'Health and metrics.' },
];

/**
 * The contracts of every endpoint of the three listeners. An endpoint looks at what it depends on when a request
 * comes, not before, so its contract can be read without any of it.
 */
export function endpointContracts(): EndpointContract[] {
  const nothing = {} as never;
  return [
    ...publicEndpoints(nothing),
    healthLive('ops'),
    healthReady('ops', nothing),
    metricsEndpoint(nothing),
    ...partnerEndpoints(nothing),
    ...channelEndpoints(nothing),
    ...clientEndpoints(nothing),
    ...apiKeyEndpoints(nothing),
    ...rotationEndpoints(nothing),
    ...directoryUserEndpoints(nothing),
    ...customerEndpoints(nothing),
    ...identifierLifeEndpoints(nothing),
    ...identifierFileEndpoints(nothing),
    ...keyEndpoints(nothing),
    ...auditEndpoints(nothing),
    ...auditRetentionEndpoints(nothing),
    ...limitEndpoints(nothing),
    ...connectionEndpoints(nothing),
    fieldsEndpoint(nothing),
    tryLoginEndpoint(nothing),
    partnerCallEndpoint(nothing),
    whyEndpoint(nothing),
    ...statusEndpoints(nothing),
    healthLive('admin'),
  ].map(({ contract }) => contract);
}

/** By tag, and within one by path: endpoints are mounted in the order of their load, which tells a reader nothing. */
function inReadingOrder(contracts: readonly EndpointContract[]): EndpointContract[] {
  const place = ({ tag }: EndpointContract) => TAGS.findIndex(({ name }) => name === tag);
  // Well-known documents stand after what is called.
  const key = ({ path }: EndpointContract) => path.replace('/.', '/~');
  const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return contracts.toSorted((a, b) => place(a) - place(b) || compare(key(a), key(b)));
}

/** A path that several listeners serve is one entry with several servers; the first contract describes it. */
function documentedPaths(contracts: readonly EndpointContract[], usual: ListenerName): ZodOpenApiPathsObject {
  const paths: Record<string, ZodOpenApiPathItemObject> = {};
  const listeners = new Map<string, Set<ListenerName>>();
  for (const contract of contracts) {
    const item = (paths[contract.path] ??= {});
    item[contract.method] ??= documentedOperation(contract);
    listeners.set(contract.path, (listeners.get(contract.path) ?? new Set()).add(contract.listener));
  }
  for (const [path, names] of listeners) {
    const elsewhere = [...names].some((name) => name !== usual);
    paths[path] = {
      ...(elsewhere ? { servers: [...names].map((name) => SERVERS[name]) } : {}),
      ...paths[path],
    };
  }
  return paths;
}

/** The OpenAPI 3.1 description of what the public listener answers, or the other two, written from the contracts. */
async function openapiDocument(name: DescriptionName): Promise<object> {
  // A development dependency: a running service never needs it.
  const { createDocument } = await import('zod-openapi');
  const { title, summary, introduction, listeners } = DESCRIPTIONS[name];
  const contracts = inReadingOrder(
    endpointContracts().filter(({ listener }) => (listeners as readonly ListenerName[]).includes(listener)),
  );
  const tags = new Set(contracts.map(({ tag }) => tag));
  const description: ZodOpenApiObject = {
    openapi: '3.1.0',
    info: {
      title,
      version: programVersion(),
      summary,
      description: introduction,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [SERVERS[name]],
    tags: TAGS.filter((tag) => tags.has(tag.name)),
    // Nothing by default: each operation says what it needs.
    security: [],
    paths: documentedPaths(contracts, name),
    components: documentedComponents(),
  };
  return withoutUnused(createDocument(description, { outputIdSuffix: 'Answer' }));
}

type Components = Record<string, Record<string, unknown> | undefined>;

/** Names of the security schemes that operations ask for. */
function usedSchemes(paths: object): Set<string> {
  const operations = Object.values(paths).flatMap((item: object) => Object.values(item)) as {
    security?: Record<string, unknown>[];
  }[];
  return new Set(operations.flatMap(({ security = [] }) => security.flatMap((one) => Object.keys(one))));
}

/** Leaves out shared parts that no operation refers to; what refers to others comes first. */
function withoutUnused<Description extends { components?: object; paths?: object }>(
  description: Description,
): Description {
  const components = (description.components ?? {}) as Components;
  for (const kind of ['responses', 'examples', 'headers', 'schemas']) {
    const text = JSON.stringify(description);
    for (const name of Object.keys(components[kind] ?? {})) {
      if (!text.includes(`"#/components/${kind}/${name}"`)) delete components[kind]?.[name];
    }
  }
  const schemes = usedSchemes(description.paths ?? {});
  for (const name of Object.keys(components['securitySchemes'] ?? {})) {
    if (!schemes.has(name)) delete components['securitySchemes']?.[name];
  }
  return description;
}

/** A description as the committed `openapi.yaml` or `openapi-admin.yaml` holds it. */
export async function openapiText(name: DescriptionName): Promise<string> {
  const { stringify } = await import('yaml');
  const text = stringify(await openapiDocument(name), {
    lineWidth: 110,
    blockQuote: 'literal',
    aliasDuplicateObjects: false,
  });
  return `# Written by \`npm run openapi\` from the contracts in src/http. Do not edit.\n${text}`;
}
