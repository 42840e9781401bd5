import type { Audit } from '../audit/audit.ts';
import type { IssueVendorCode, VendorCodeRequest } from '../channels/vendor-codes.ts';
import type { OAuthClient } from '../clients/client.ts';
import type { Clients } from '../clients/clients.ts';
import { OPENID_SCOPE } from '../clients/openid-settings.ts';
import { BridgeError } from '../errors.ts';
import type { CustomerReference } from '../identifiers/identifier.ts';
import type { Partners } from '../partners/partners.ts';
import type { Clock } from '../platform/clock.ts';
import { challengeOf, newVerifier, S256_CHALLENGE } from '../platform/pkce.ts';
import type { Revocations } from '../revocation/revocations.ts';
import { absoluteExpiryMs, credentialsCheckedAtMs, type SessionLifetimes } from '../sessions/session.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { AuthorizationCodes } from './authorization-codes.ts';
import { bindToSession } from './openid-binding.ts';

export interface VendorCodesDeps {
  clients: Clients;
  partners: Partners;
  codes: AuthorizationCodes;
  sessions: Sessions;
  revocations: Revocations;
  lifetimes: SessionLifetimes;
  clock: Clock;
  audit: Audit;
  issuer: string;
}

const NONCE = /^[\x21-\x7E]{1,255}$/;

const factsOf = ({ session, channel, requestId, address }: VendorCodeRequest) =>
  ({ actor: 'customer', customerId: session.customerId, channel: channel.id, requestId, address }) as const;

/**
 * Authorization codes for the page of a signed-in customer, without a redirect: chat widgets of the code flow ask for
 * one whenever they like. Only clients of the company's own party that can authenticate get them, so nobody is asked
 * for consent, and a code is of use to the vendor's server alone.
 */
export function createVendorCodes(deps: VendorCodesDeps): { issue: IssueVendorCode } {
  const { clients, partners, codes, sessions, revocations, clock, issuer } = deps;

  /** The operator has to mend something: that stands in the audit log, and the caller learns only that it fails. */
  const notReady = (request: VendorCodeRequest, problem: string): BridgeError => {
    const error = new BridgeError('CHANNEL_NOT_ALLOWED', {
      message: 'This channel cannot be given a code at the moment.',
    });
    deps.audit.event('authorization_code.issued', {
      ...factsOf(request),
      outcome: 'failed',
      reason: error.code,
      details: { client: request.client.slice(0, 64), problem },
    });
    error.recorded = true;
    return error;
  };

  const vendorOf = async (request: VendorCodeRequest): Promise<OAuthClient> => {
    const client = await clients.usable(request.client);
    if (!client) throw notReady(request, 'its client is unknown or revoked');
    if (!client.openid) throw notReady(request, 'its client is not one of OpenID Connect');
    if (client.party !== 'first' || client.authentication === 'none') {
      throw notReady(request, 'its client must be of the first party and authenticate');
    }
    if (!partners.find(client.partner)?.channelGroups.includes(request.channel.group)) {
      throw notReady(request, 'its client belongs to a partner without this channel');
    }
    return client;
  };

  /** The challenge that the code is bound to, with the verifier where that is ours. */
  const proofKey = (
    request: VendorCodeRequest,
    client: OAuthClient,
  ): { challenge: string | undefined; verifier?: string } => {
    const { codeChallenge, ownVerifier } = request;
    if (codeChallenge !== undefined) {
      if (S256_CHALLENGE.test(codeChallenge)) return { challenge: codeChallenge };
      throw new BridgeError('INVALID_REQUEST', {
        message: 'The code_challenge is not one of S256 (RFC 7636).',
        details: { member: 'code_challenge' },
      });
    }
    const required = client.openid?.pkce !== 'vendor';
    if (ownVerifier ?? required) {
      const verifier = newVerifier();
      return { challenge: challengeOf(verifier), verifier };
    }
    if (required) throw notReady(request, 'its client must use PKCE, and the channel does not');
    return { challenge: undefined };
  };

  /** The reference behind a session that may still be used. */
  const liveReference = ({ session }: VendorCodeRequest, endsAtMs: number): CustomerReference => {
    const { sid, customerId, authTimeMs } = session;
    const reference = sessions.reference(session);
    const isOver =
      clock.nowMs() >= endsAtMs ||
      revocations.isRevoked('session', sid, authTimeMs) ||
      revocations.isRevoked('customer', customerId, authTimeMs);
    if (reference === undefined || isOver) throw new BridgeError('NOT_SIGNED_IN');
    return reference;
  };

  return {
    /**
     * A fresh code, good for one use within a minute, bound to the client, redirect URI, challenge, customer and
     * session. Throws `NOT_SIGNED_IN`, `CHANNEL_NOT_ALLOWED` for a session of another group or a client that may
     * not have codes, and `INVALID_REQUEST`.
     */
    issue: async (request) => {
      const { session, channel, nonce } = request;
      if (session.group !== channel.group) throw new BridgeError('CHANNEL_NOT_ALLOWED');
      const endsAtMs = request.sessionEndsAtMs ?? absoluteExpiryMs(session, deps.lifetimes);
      const reference = liveReference(request, endsAtMs);
      if (nonce !== undefined && !NONCE.test(nonce)) {
        throw new BridgeError('INVALID_REQUEST', {
          message: 'The nonce is at most 255 visible ASCII characters.',
          details: { member: 'nonce' },
        });
      }
      const client = await vendorOf(request);
      // Nobody is redirected: the vendor repeats the address when it redeems the code, and that is all.
      const [redirectUri] = client.redirectUris;
      if (redirectUri === undefined) throw notReady(request, 'its client has no redirect URI');
      const { challenge, verifier } = proofKey(request, client);
      const code = await codes.issue(client.clientId, {
        redirectUri,
        challenge,
        scopes: [OPENID_SCOPE],
        fields: undefined,
        customerId: session.customerId,
        reference,
        channel: channel.id,
        sid: session.sid,
        authTimeMs: credentialsCheckedAtMs(session),
        openid: {
          nonce,
          unasked: true,
          session: bindToSession({ sid: session.sid, endsAtMs }, clock.nowMs()),
        },
      });
      deps.audit.event('authorization_code.issued', {
        ...factsOf(request),
        outcome: 'success',
        partner: client.partner,
        clientId: client.clientId,
      });
      return {
        code,
        redirectUri,
        ...(verifier === undefined ? {} : { codeVerifier: verifier }),
        ...(nonce === undefined ? {} : { nonce }),
        issuer,
        expiresInSeconds: codes.lifetimeSeconds,
      };
    },
  };
}
