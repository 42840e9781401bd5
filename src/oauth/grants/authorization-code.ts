import type { Audit } from '../../audit/audit.ts';
import { OAuthError } from '../../errors.ts';
import type { Clock } from '../../platform/clock.ts';
import { isVerifierOf } from '../../platform/pkce.ts';
import type { Revocations } from '../../revocation/revocations.ts';
import type { AccessTokens } from '../../tokens/access-token.ts';
import { type AppFamilies, isAccessRevoked } from '../app-access.ts';
import type { AuthorizationCodes, RedeemedCode } from '../authorization-codes.ts';
import type { ConsentStore } from '../consent.ts';
import type { OpenIdAnswers } from '../openid-answers.ts';
import { isBoundOver } from '../openid-binding.ts';
import { requiredParameter } from '../parameters.ts';
import type { Grant, GrantRequest } from './grant.ts';

export interface AuthorizationCodeGrantDeps {
  accessTokens: AccessTokens;
  codes: AuthorizationCodes;
  families: AppFamilies;
  consentStore: ConsentStore;
  revocations: Revocations;
  openid: Pick<OpenIdAnswers, 'idToken'>;
  clock: Clock;
  audit: Audit;
}

type Consumed = Extract<RedeemedCode, { result: 'consumed' }>;

/**
 * Whether the verifier belongs to the challenge (RFC 7636 section 4.6). A code without a challenge is redeemed without
 * a verifier and by a client that may do so alone: else a code from elsewhere could be slipped in (RFC 9700 4.8.2).
 */
function provesKey({ client, parameters }: GrantRequest, challenge: string | undefined): boolean {
  const verifier = parameters.code_verifier;
  if (challenge === undefined) return verifier === undefined && client.openid?.pkce === 'vendor';
  return verifier !== undefined && isVerifierOf(verifier, challenge);
}

/**
 * RFC 6749 section 4.1.3 with PKCE (RFC 7636). The code is used up before anything is compared, so that a guess burns
 * it; a second use ends whatever came of the first (RFC 9700 section 4.5).
 */
export function createAuthorizationCodeGrant(deps: AuthorizationCodeGrantDeps): Grant {
  const { codes, families, revocations, audit } = deps;

  const redeem = async ({ client, parameters, facts }: GrantRequest): Promise<Consumed> => {
    const redeemed = await codes.redeem(requiredParameter(parameters, 'code'));
    if (redeemed.result === 'consumed') {
      // What another process took back a moment ago counts already: what comes of a code lives on for long.
      await revocations.refresh();
      return redeemed;
    }
    if (redeemed.result === 'reused') {
      await families.end(redeemed.grantId);
      audit.event('authorization_code.reused', {
        ...facts,
        outcome: 'refused',
        actor: 'partner',
        partner: client.partner,
        clientId: redeemed.clientId,
      });
    }
    throw new OAuthError('invalid_grant');
  };

  const matches = (request: GrantRequest, redeemed: Consumed): boolean => {
    const { client, parameters } = request;
    const { access, createdAtMs } = redeemed;
    const now = { nowMs: deps.clock.nowMs(), givenAtMs: createdAtMs, revocations };
    return (
      redeemed.clientId === client.clientId &&
      access.redirectUri === parameters.redirect_uri &&
      provesKey(request, access.challenge) &&
      !isBoundOver(access.openid?.session, now) &&
      !revocations.isRevoked('session', access.sid, createdAtMs) &&
      !isAccessRevoked(revocations, {
        clientId: client.clientId,
        customerId: access.customerId,
        grantId: redeemed.grantId,
        givenAtMs: createdAtMs,
      })
    );
  };

  /** A family, unless the code came back or the customer withdrew while it was being made. */
  const beginFamily = async (
    { client, parameters }: GrantRequest,
    { grantId, access }: Consumed,
    scopes: readonly string[],
  ): Promise<string> => {
    const { customerId, reference, channel, authTimeMs, fields, openid } = access;
    const token = await families.begin({
      familyId: grantId,
      holder: client.clientId,
      customerId,
      payload: { scopes, reference, channel, authTimeMs, fields, session: openid?.session },
      endsAtMs: openid?.session.endsAtMs,
    });
    const [reused, consent] = await Promise.all([
      codes.wasReused(parameters.code as string),
      openid?.unasked ? 'not asked' : deps.consentStore.find(client.clientId, customerId),
    ]);
    if (reused || !consent) await families.end(grantId);
    return token;
  };

  return {
    grantType: 'authorization_code',
    grant: async (request) => {
      const { client, parameters, facts } = request;
      for (const name of ['code', 'redirect_uri']) requiredParameter(parameters, name);
      if (client.openid?.pkce !== 'vendor') requiredParameter(parameters, 'code_verifier');
      const redeemed = await redeem(request);
      if (!matches(request, redeemed)) throw new OAuthError('invalid_grant');
      const { grantId, access } = redeemed;
      const { customerId, reference, fields, channel, sid, authTimeMs, openid } = access;
      const scopes = access.scopes.filter((scope) => client.scopes.includes(scope));
      const refreshToken = client.grantTypes.includes('refresh_token')
        ? await beginFamily(request, redeemed, scopes)
        : undefined;
      const issued = deps.accessTokens.issue({
        clientId: client.clientId,
        partner: client.partner,
        scopes,
        customer: { customerId, reference, fields, channel, grantId, sid: openid?.session.sid },
        ...(openid ? { notAfterMs: openid.session.endsAtMs } : {}),
      });
      const idToken =
        openid &&
        (await deps.openid.idToken(client, scopes, {
          customerId,
          reference,
          fields,
          sid,
          authTimeMs,
          notAfterMs: openid.session.endsAtMs,
          nonce: openid.nonce,
          accessToken: issued.token,
          facts,
        }));
      return { issued, scopes, refreshToken, idToken, customerId };
    },
  };
}
