import type { CallBody } from '../../connections/call-body.ts';
import { findOpenPath } from '../../connections/open-path.ts';
import { type PartnerAnswer, type PartnerApi, partnerLane } from '../../connections/partner-api.ts';
import type { OpenPath } from '../../connections/presets/preset.ts';
import { BridgeError } from '../../errors.ts';
import type { CustomerIdentifier } from '../../identifiers/identifier.ts';
import type { Partner } from '../../partners/partner.ts';
import type { CallPartnerApi, PartnerApis } from './call-partner-api.ts';

/** A path of a partner API that the calling partner may use. */
export interface OpenedCall {
  api: PartnerApi;
  open: OpenPath;
  /** A customer must be proven before the call is made. */
  needsCustomer: boolean;
}

/** Whose credentials ask. */
export interface CallingPartner {
  partner: Partner;
  environment: 'live' | 'test';
}

/**
 * Finds what a partner may call. Throws `NOT_FOUND` for a connection that is not opened to this partner, as for one
 * that does not exist; `ENVIRONMENT_NOT_ALLOWED` for a test key; `PARTNER_PATH_NOT_OPEN` for any other path.
 */
export function findOpenedCall(
  apis: PartnerApis,
  { partner, environment }: CallingPartner,
  { connection, path }: { connection: string; path: string },
): OpenedCall {
  const api = apis.get(connection);
  if (!api?.openTo.has(partner.id)) throw new BridgeError('NOT_FOUND');
  if (!api.environments.has(environment)) throw new BridgeError('ENVIRONMENT_NOT_ALLOWED');
  const open = findOpenPath(api.openPaths, path);
  if (!open) {
    const paths = api.openPaths.map((one) => one.path).join(', ');
    throw new BridgeError('PARTNER_PATH_NOT_OPEN', { auditDetails: { open_paths: paths || 'none' } });
  }
  return { api, open, needsCustomer: api.needsCustomerProof || open.token !== undefined };
}

export interface CallOnBehalf {
  opened: OpenedCall;
  partner: Partner;
  path: string;
  body: CallBody;
  /** `undefined` where none is needed and none was proven. */
  customer: { customerId: CustomerIdentifier; channel: string; token: string | undefined } | undefined;
  requestId: string;
  address: string;
  clientId: string | undefined;
  keyPrefix: string | undefined;
}

/**
 * Makes a call to a partner API for another partner, on behalf of a proven customer. Throws `INVALID_REQUEST` when the
 * body holds something else where the customer belongs, and what `PartnerApi.call` throws. Recorded with the pattern
 * of its path.
 */
export function createCallOnBehalf(callPartnerApi: CallPartnerApi) {
  return (request: CallOnBehalf): Promise<PartnerAnswer> => {
    const { customer, partner, opened } = request;
    return callPartnerApi({
      api: opened.api,
      method: 'POST',
      path: request.path,
      places: opened.open,
      body: request.body,
      customer: customer && { identifier: customer.customerId, token: customer.token },
      options: { lane: partnerLane(partner.id) },
      refusals: {
        tooDeep: { message: 'The body is nested too deep.' },
        foreignMember:
          customer === undefined
            ? 'The body names a customer whom nobody has proven. Send the customer proof, or leave the member out.'
            : 'A member that says who the customer is holds something else, or stands there in two spellings. Leave it out: it is added here.',
      },
      record: {
        actor: 'partner',
        partner: partner.id,
        clientId: request.clientId,
        keyPrefix: request.keyPrefix,
        customerId: customer?.customerId,
        channel: customer?.channel,
        address: request.address,
        requestId: request.requestId,
        details: { path: opened.open.path },
      },
    });
  };
}

export type CallOnBehalfOf = ReturnType<typeof createCallOnBehalf>;
