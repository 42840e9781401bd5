import type { Audit } from '../audit/audit.ts';
import type { Channel } from '../channels/channel.ts';
import { isLoopback, isPrivateUse } from '../clients/redirect-uri.ts';
import type { Identities } from '../customers/identities.ts';
import type { CustomerIdentifier, CustomerReference } from '../identifiers/identifier.ts';
import type { Clock } from '../platform/clock.ts';
import {
  absoluteExpiryMs,
  credentialsCheckedAtMs,
  type CustomerSession,
  type SessionLifetimes,
} from '../sessions/session.ts';
import type { FindSurvivor } from '../sessions/present-customer.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { AuthorizationCodes, OpenIdAccess } from './authorization-codes.ts';
import {
  type AuthorizationErrorCode,
  type AuthorizationRequest,
  authorizationResponse,
} from './authorization-request.ts';
import type { Consents } from './consents.ts';
import { bindToSession } from './openid-binding.ts';
import type { OpenIdRequest } from './openid-request.ts';

/** What happens next with an authorization request. */
export type AuthorizationStep =
  | { step: 'sign_in' }
  | { step: 'consent' }
  /** `prompt=none`, and the customer would have to do something. */
  | { step: 'refused'; redirectTo: string; error: AuthorizationErrorCode }
  | { step: 'redirect'; redirectTo: string };

export interface AuthorizeDeps {
  sessions: Sessions;
  identities: Identities;
  consents: Consents;
  codes: AuthorizationCodes;
  lifetimes: SessionLifetimes;
  clock: Clock;
  audit: Audit;
  /** Default: nobody was ever merged. */
  survivorOf?: FindSurvivor;
  issuer: string;
}

type Facts = { requestId: string; address: string };

interface KnownCustomer {
  customerId: CustomerIdentifier;
  reference: CustomerReference;
  channel: Channel;
}

/**
 * RFC 8252 section 8.6: any app on the device may claim a private-use scheme or listen on a loopback port, and then
 * nothing proves which one asks.
 */
function mayBeImpersonated({ client, redirectUri }: AuthorizationRequest): boolean {
  return client.authentication === 'none' && (isPrivateUse(redirectUri) || isLoopback(redirectUri));
}

/**
 * The customer's side of the authorization endpoint: who is signed in, whether they agree, and the code. A session of
 * another partner's channel counts as well, if its authenticator may vouch for a channel of this partner; the customer
 * then has this partner's own identifier.
 */
export function createAuthorize(deps: AuthorizeDeps) {
  const { sessions, identities, consents, codes, clock, audit, issuer } = deps;

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
    const identified = await identities.identify(subject);
    return identified && { ...identified, channel: other };
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

  const openIdAccess = ({ nonce }: OpenIdRequest, session: CustomerSession): OpenIdAccess => {
    const endsAtMs = absoluteExpiryMs(session, deps.lifetimes);
    return {
      nonce,
      unasked: false,
      session: bindToSession({ sid: session.sid, endsAtMs }, clock.nowMs()),
    };
  };

  /** Whether the app wants a newer sign-in than this session's (OpenID Connect Core 1.0 section 3.1.2.1). */
  const isTooOld = ({ openid }: AuthorizationRequest, session: CustomerSession): boolean => {
    if (openid?.prompt === 'login') return true;
    const maxAgeSeconds = openid?.maxAgeSeconds;
    return (
      maxAgeSeconds !== undefined && clock.nowMs() - credentialsCheckedAtMs(session) > maxAgeSeconds * 1000
    );
  };

  /** Whether the app's `id_token_hint` names a customer, and another one than this (Core 1.0 section 3.1.2.2). */
  const isSomebodyElse = ({ openid }: AuthorizationRequest, { customerId }: KnownCustomer): boolean => {
    const expected = openid?.expectedCustomerId;
    const today = (id: CustomerIdentifier) => deps.survivorOf?.(id)?.customerId ?? id;
    return expected !== undefined && today(expected) !== today(customerId);
  };

  /** What the app is told when whoever signed in is not whom its `id_token_hint` names. */
  const respondSomebodyElse = (request: AuthorizationRequest) =>
    respond(request, {
      error: 'login_required',
      error_description: 'The customer of the id_token_hint is not signed in.',
    });

  /** A step that the customer has to take, unless the app wants nothing shown. */
  const shown = (request: AuthorizationRequest, step: 'sign_in' | 'consent'): AuthorizationStep => {
    if (request.openid?.prompt !== 'none') return { step };
    const [error, description] =
      step === 'sign_in'
        ? (['login_required', 'The customer is not signed in.'] as const)
        : (['consent_required', 'The customer has not agreed yet.'] as const);
    return {
      step: 'refused',
      error,
      redirectTo: respond(request, { error, error_description: description }),
    };
  };

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
      authTimeMs: credentialsCheckedAtMs(session),
      ...(request.openid && { openid: openIdAccess(request.openid, session) }),
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
      if (!session || !customer || isTooOld(request, session) || isSomebodyElse(request, customer))
        return shown(request, 'sign_in');
      const { client, partner, scopes } = request;
      if (mayBeImpersonated(request) || request.openid?.prompt === 'consent')
        return shown(request, 'consent');
      if (client.party === 'first') {
        await remember(request, session, customer);
        return {
          step: 'redirect',
          redirectTo: await giveCode(request, session, { ...customer, fields: undefined }),
        };
      }
      const known = await consents.covering(client, partner, { customerId: customer.customerId, scopes });
      if (!known) return shown(request, 'consent');
      return {
        step: 'redirect',
        redirectTo: await giveCode(request, session, { ...customer, fields: known.fields }),
      };
    },

    /**
     * Where the browser goes when somebody has just signed in for this request whom the app does not expect:
     * `login_required`. `undefined` when the request goes on.
     */
    refusedAfterSignIn: async (
      request: AuthorizationRequest,
      session: CustomerSession,
    ): Promise<string | undefined> => {
      if (request.openid?.expectedCustomerId === undefined) return undefined;
      const customer = await customerFor(session, request);
      return customer && isSomebodyElse(request, customer) ? respondSomebodyElse(request) : undefined;
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
      if (isSomebodyElse(request, customer)) return respondSomebodyElse(request);
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
