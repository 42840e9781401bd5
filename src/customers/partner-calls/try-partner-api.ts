import { isShallow } from '../../connections/call-body.ts';
import type { Connection } from '../../connections/connection.ts';
import { maskAnswer } from '../../connections/mask-answer.ts';
import { findOpenPath } from '../../connections/open-path.ts';
import { BridgeError } from '../../errors.ts';
import { requestPathSetting } from '../../outbound/outbound-settings.ts';
import { parseIdentifier } from '../../identifiers/identifier.ts';
import type { AdminActor } from '../../partners/partners.ts';
import type { CallPartnerApi, PartnerApis } from './call-partner-api.ts';

export interface PartnerApiTry {
  connection: string;
  method: 'GET' | 'POST';
  /** With or without query. */
  path: string;
  data: Record<string, unknown> | undefined;
  /** An identifier as the partner knows the customer. */
  customer: string | undefined;
}

export interface TriedCall {
  status: number;
  attempts: number;
  /** Parsed and with secrets masked; `null` for an answer without a body. */
  body: unknown;
}

export interface TryPartnerApiDeps {
  apis: PartnerApis;
  connections: ReadonlyMap<string, Pick<Connection, 'status'>>;
  callPartnerApi: CallPartnerApi;
}

const noApi = (isConnection: boolean) =>
  new BridgeError('NOT_FOUND', {
    message: isConnection
      ? 'This connection has no preset, and only partner APIs are called so. If you just added one, restart the service.'
      : 'There is no connection of this name. If you just added it, restart the service.',
  });

/** The failure with its mend, where nobody let us in at the other side or its consent has ended. */
function withMend(error: BridgeError, name: string, connection: Pick<Connection, 'status'> | undefined) {
  const lost = connection?.status().tokens.some(({ grant }) => grant === 'missing' || grant === 'dead');
  if (!lost) return error;
  const told = new BridgeError(error.code, {
    message: `${error.message} Nobody has let this service in there, or no longer; run: symbolon connections connect ${name}`,
    ...(error.details === undefined ? {} : { details: error.details }),
    cause: error,
  });
  told.recorded = true;
  return told;
}

/**
 * One call to a partner API for a person. Throws `NOT_FOUND` for a connection without a preset, `INVALID_REQUEST` for
 * what cannot be sent, and what `PartnerApi.call` throws.
 */
export function createTryPartnerApi({ apis, connections, callPartnerApi }: TryPartnerApiDeps) {
  return async (request: PartnerApiTry, by: AdminActor): Promise<TriedCall> => {
    const { connection, method, path, customer, data } = request;
    const refuse = (message: string, member: string) =>
      new BridgeError('INVALID_REQUEST', { message, details: { member } });
    const api = apis.get(connection);
    if (!api) throw noApi(connections.has(connection));
    if (!requestPathSetting.safeParse(path).success) {
      throw refuse('The path must start with a slash, be encoded and hold no dot segments.', 'path');
    }
    const known = findOpenPath([...api.openPaths, ...api.knownPaths], path);
    if (customer !== undefined && !known?.identifier) {
      throw refuse('It is not known where the customer goes in a call to this path.', 'customer');
    }
    const answer = await callPartnerApi({
      api,
      method,
      path,
      places: customer !== undefined && known ? known : {},
      body: data,
      customer: customer === undefined ? undefined : { identifier: customer },
      options: { lane: 'operators', showsEverything: true },
      refusals: {
        tooDeep: { message: 'The data are nested too deep.', details: { member: 'data' } },
        foreignMember: 'A member holds something else than the customer.',
      },
      record: {
        actor: by.actor,
        address: by.address,
        requestId: by.requestId,
        // Whatever else somebody types may be a name or a number of the company's own.
        customerId: customer === undefined ? undefined : parseIdentifier(customer),
        details: { method },
      },
    }).catch((error: unknown) => {
      throw error instanceof BridgeError ? withMend(error, connection, connections.get(connection)) : error;
    });
    const parsed: unknown = answer.body ? JSON.parse(answer.body.toString('utf8')) : null;
    return {
      status: answer.status,
      attempts: answer.attempts,
      body: isShallow(parsed) ? maskAnswer(parsed, answer.credentials ?? api.secrets) : null,
    };
  };
}

export type TryPartnerApi = ReturnType<typeof createTryPartnerApi>;
