import { z } from 'zod';
import type { ConnectGrant } from '../../connections/connect-grant.ts';
import type { Connection, ConnectionStatus } from '../../connections/connection.ts';
import type { TokenStatus } from '../../outbound/outbound-types.ts';
import type { Endpoint } from '../endpoint.ts';
import { adminEndpoint, listOf, timeSchema, timeText } from './admin-endpoint.ts';

export interface ConnectionEndpointsDeps {
  connections: ReadonlyMap<string, Connection>;
  connectGrant: Pick<ConnectGrant, 'begin'>;
  /** What somebody should look at about a connection's credentials, in sentences. */
  warningsOf(name: string): readonly string[];
}

const tokenSchema = z.strictObject({
  endpoint: z.string(),
  held: z.boolean().meta({ description: 'Whether there is a token that serves.' }),
  ends_at: timeSchema.nullable(),
  renewing: z.boolean(),
  grant: z
    .enum(['connected', 'missing', 'dead'])
    .optional()
    .meta({ description: 'Of `authorization_code`: what is missing or dead wants connecting.' }),
  last_failure: z.string().nullable(),
});

const connectionSchema = z
  .strictObject({
    name: z.string(),
    origin: z.string(),
    circuit: z.enum(['closed', 'open', 'half_open']),
    circuit_open_ms: z.int().meta({ description: 'Until the next trial.' }),
    circuit_opened: z.int().meta({ description: 'How often it opened.' }),
    paused_ms: z.int().meta({ description: 'What is left of a pause that the other side asked for.' }),
    running: z.int(),
    max_running: z.int(),
    waiting: z.int(),
    max_waiting: z.int(),
    calls: z.record(z.string(), z.int()).meta({
      description: 'Calls by how they ended, since the start of this process.',
      example: { status_2xx: 1204, timeout: 2 },
    }),
    refused: z.int().meta({
      description: 'Answers 401 and 403 among them: our credentials, or a wrong password at a log-in API.',
    }),
    mean_ms: z.number().nullable(),
    connects: z.int().meta({ description: 'Connections made; the other calls used one again.' }),
    retries: z.int(),
    retries_left: z.int().meta({ description: 'Repeats that the budget allows at the moment.' }),
    last_failure: z.strictObject({ reason: z.string(), at: timeSchema }).nullable(),
    client_certificate_ends_at: timeSchema.nullable(),
    tokens: z.array(tokenSchema),
    warnings: z.array(z.string()).meta({ description: 'What somebody should look at, in sentences.' }),
  })
  .meta({ id: 'ConnectionStatus', description: 'Counts are of this process alone.' });

function tokenView(token: TokenStatus) {
  return {
    endpoint: token.endpoint,
    held: token.held,
    ends_at: timeText(token.endsAtMs),
    renewing: token.renewing,
    ...(token.grant === undefined ? {} : { grant: token.grant }),
    last_failure: token.lastFailure ?? null,
  };
}

function connectionView({ name, destination, retries, retriesLeft, ...more }: ConnectionStatus) {
  const calls = Object.fromEntries(destination.outcomes);
  const answered = Object.entries(calls)
    .filter(([outcome]) => outcome.startsWith('status_') || outcome === 'timeout')
    .reduce((sum, [, count]) => sum + count, 0);
  const { lastFailure } = destination;
  return {
    name,
    origin: destination.origin,
    circuit: destination.circuit,
    circuit_open_ms: Math.ceil(destination.circuitOpenForMs),
    circuit_opened: destination.circuitOpened,
    paused_ms: Math.ceil(destination.pausedForMs),
    running: destination.running,
    max_running: destination.maxRunning,
    waiting: destination.waiting,
    max_waiting: destination.maxWaiting,
    calls,
    refused: destination.refused,
    mean_ms: answered === 0 ? null : Math.round((destination.callMs / answered) * 10) / 10,
    connects: destination.connects,
    retries,
    retries_left: retriesLeft,
    last_failure: lastFailure ? { reason: lastFailure.reason, at: timeText(lastFailure.atMs) } : null,
    client_certificate_ends_at: timeText(more.certificateEndsAtMs),
    tokens: more.tokens.map(tokenView),
  };
}

/** A grant is looked for first: what is known of it is as old as its last use. */
async function lookedAt(connection: Connection) {
  await connection.connector?.state().catch(() => {});
  return connectionView(connection.status());
}

/** Connections as they are at the moment, and the grants that some of them rest on. */
export function connectionEndpoints(deps: ConnectionEndpointsDeps): Endpoint[] {
  const { connections, connectGrant, warningsOf } = deps;
  return [
    adminEndpoint({
      method: 'get',
      path: '/admin/connections',
      operationId: 'listConnections',
      summary: 'Connections, with their circuits, tokens and counts',
      answer: listOf(connectionSchema),
      run: async () => ({
        items: await Promise.all(
          [...connections.values()].map(async (one) => ({
            ...(await lookedAt(one)),
            warnings: [...warningsOf(one.name)],
          })),
        ),
      }),
    }),
    adminEndpoint({
      method: 'post',
      path: '/admin/connections/{name}/connect',
      operationId: 'connectConnection',
      summary: 'Begin to connect a connection in a browser',
      description:
        'Open `address` in a browser and agree there. The browser then comes back to `redirect_uri`, which must be registered at the other side, and asks for `confirmation_code`.',
      pathParameters: z.object({ name: z.string().max(64) }),
      answer: z.strictObject({
        address: z.string(),
        redirect_uri: z.string(),
        confirmation_code: z.string().meta({
          description: 'Tell it nobody: who types it in the browser connects the connection.',
          example: 'K7QM-2WXD',
        }),
        expires_at: timeSchema,
      }),
      errors: ['NOT_FOUND'],
      run: ({ path, by }) => {
        const { address, redirectUri, confirmation, expiresAtMs } = connectGrant.begin(path.name, by);
        return {
          address,
          redirect_uri: redirectUri,
          confirmation_code: confirmation,
          expires_at: timeText(expiresAtMs),
        };
      },
    }),
  ];
}
