import type { Audit } from '../audit/audit.ts';
import type { Channel } from '../channels/channel.ts';
import { isPrivateUse } from '../clients/redirect-uri.ts';
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

/** RFC 8252 section 8.6: any app on the device may claim a private-use scheme, and then nothing proves which one asks. */
function mayBeImpersonated({ client, redirectUri }: AuthorizationRequest): boolean {
  return client.authentication === 'none' && isPrivateUse(redirectUri);
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
    granted: KnownCustomer & { fields: readonly string[] | undefined },
  ): Promise<string> => {
    const { customerId, reference, channel, fields } = granted;
    const code = await codes.issue(request.client.clientId, {
      redirectUri: request.redirectUri,
      challenge: request.challenge,
      scopes: request.scopes,
      fields,
      customerId,
      reference,
      channel: channel.id,
      sid: session.sid,
      authTimeMs: session.authTimeMs,
    });
    return respond(request, { code });
  };

  const remember = (request: AuthorizationRequest, session: CustomerSession, customer: KnownCustomer) =>
    consents.remember(request.client, request.partner, {
      person: { space: session.space, reference: customer.reference },
      customerId: customer.customerId,
      scopes: request.scopes,
    });

  return {
    /**
     * What to show, or where to send the browser. The company's own apps are not asked about, unless another app could
     * pose as one.
     */
    next: async (
      request: AuthorizationRequest,
      session: CustomerSession | undefined,
    ): Promise<AuthorizationStep> => {
      const customer = session && (await customerFor(session, request));
      if (!session || !customer) return { step: 'sign_in' };
      const { client, partner, scopes } = request;
      if (mayBeImpersonated(request)) return { step: 'consent' };
      if (client.party === 'first') {
        await remember(request, session, customer);
        return {
          step: 'redirect',
          redirectTo: await giveCode(request, session, { ...customer, fields: undefined }),
        };
      }
      const known = await consents.covering(client, partner, { customerId: customer.customerId, scopes });
      if (!known) return { step: 'consent' };
      return {
        step: 'redirect',
        redirectTo: await giveCode(request, session, { ...customer, fields: known.fields }),
      };
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
      if (agreed) {
        const { fields } = await remember(request, session, customer);
        return giveCode(request, session, { ...customer, fields });
      }
      return respond(request, { error: 'access_denied', error_description: 'The customer did not agree.' });
    },
  };
}

export type Authorize = ReturnType<typeof createAuthorize>;
