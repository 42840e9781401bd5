import type { Audit } from '../audit/audit.ts';
import type { Channel } from '../channels/channel.ts';
import type { Identities } from '../customers/identities.ts';
import type { CustomerIdentifier, CustomerReference } from '../identifiers/identifier.ts';
import type { CustomerSession } from '../sessions/session.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { AuthorizationCodes } from './authorization-codes.ts';
import { type AuthorizationRequest, authorizationResponse } from './authorization-request.ts';
import type { Consents } from './consents.ts';

/** What happens next with an authorization request. */
export type AuthorizationStep =
  | { step: 'sign_in' }
  | { step: 'consent' }
  | { step: 'redirect'; redirectTo: string };

export interface AuthorizeDeps {
  sessions: Sessions;
  identities: Identities;
  consents: Consents;
  codes: AuthorizationCodes;
  audit: Audit;
  issuer: string;
}

type Facts = { requestId: string; address: string };

interface KnownCustomer {
  customerId: CustomerIdentifier;
  reference: CustomerReference;
  channel: Channel;
}

/**
 * The customer's side of the authorization endpoint: who is signed in, whether they agree, and the code. A session of
 * another partner's channel counts as well, if its authenticator may vouch for a channel of this partner; the customer
 * then has this partner's own identifier.
 */
export function createAuthorize(deps: AuthorizeDeps) {
  const { sessions, identities, consents, codes, audit, issuer } = deps;

  const customerFor = async (
    session: CustomerSession,
    { channels }: AuthorizationRequest,
  ): Promise<KnownCustomer | undefined> => {
    const reference = sessions.reference(session);
    if (reference === undefined || !sessions.isLive(session)) return undefined;
    const same = channels.find(({ group }) => group === session.group);
    if (same) return { customerId: session.customerId, reference, channel: same };
    const other = channels.find(({ authenticators }) => authenticators.includes(session.authenticator));
    if (!other) return undefined;
    const subject = { group: other.group, space: session.space, reference };
    return { customerId: await identities.identify(subject), reference, channel: other };
  };

  const respond = (request: AuthorizationRequest, parameters: Record<string, string>) =>
    authorizationResponse({ redirectUri: request.redirectUri, state: request.state, issuer }, parameters);

  const note = (request: AuthorizationRequest, customerId: string, agreed: boolean, facts: Facts) =>
    audit.event(agreed ? 'consent.given' : 'consent.denied', {
      ...facts,
      outcome: agreed ? 'success' : 'refused',
      actor: 'customer',
      partner: request.partner.id,
      clientId: request.client.clientId,
      customerId,
    });

  const giveCode = async (
    request: AuthorizationRequest,
    session: CustomerSession,
    { customerId, reference, channel }: KnownCustomer,
  ): Promise<string> => {
    const code = await codes.issue(request.client.clientId, {
      redirectUri: request.redirectUri,
      challenge: request.challenge,
      scopes: request.scopes,
      customerId,
      reference,
      channel: channel.id,
      sid: session.sid,
      authTimeMs: session.authTimeMs,
    });
    return respond(request, { code });
  };

  const agree = async (
    request: AuthorizationRequest,
    session: CustomerSession,
    customer: KnownCustomer,
  ): Promise<string> => {
    await consents.remember(request.client, request.partner, {
      person: { space: session.space, reference: customer.reference },
      customerId: customer.customerId,
      scopes: request.scopes,
    });
    return giveCode(request, session, customer);
  };

  return {
    /** What to show, or where to send the browser. The company's own apps are not asked about. */
    next: async (
      request: AuthorizationRequest,
      session: CustomerSession | undefined,
    ): Promise<AuthorizationStep> => {
      const customer = session && (await customerFor(session, request));
      if (!session || !customer) return { step: 'sign_in' };
      const { client, partner, scopes } = request;
      if (client.party === 'first') {
        return { step: 'redirect', redirectTo: await agree(request, session, customer) };
      }
      const known = await consents.covers(client, partner, { customerId: customer.customerId, scopes });
      if (!known) return { step: 'consent' };
      return { step: 'redirect', redirectTo: await giveCode(request, session, customer) };
    },

    /** The customer decided. `undefined` when nobody is signed in any more. */
    decided: async (
      request: AuthorizationRequest,
      session: CustomerSession,
      agreed: boolean,
      facts: Facts,
    ): Promise<string | undefined> => {
      const customer = await customerFor(session, request);
      if (!customer) return undefined;
      note(request, customer.customerId, agreed, facts);
      if (agreed) return agree(request, session, customer);
      return respond(request, { error: 'access_denied', error_description: 'The customer did not agree.' });
    },
  };
}

export type Authorize = ReturnType<typeof createAuthorize>;
