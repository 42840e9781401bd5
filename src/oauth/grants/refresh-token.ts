import type { Audit } from '../../audit/audit.ts';
import { OAuthError } from '../../errors.ts';
import { type CustomerIdentifier, parseReference } from '../../identifiers/identifier.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Revocations } from '../../revocation/revocations.ts';
import type { AccessTokens, IssuedAccessToken } from '../../tokens/access-token.ts';
import type { RefreshFamily } from '../../tokens/refresh-families.ts';
import { type AppFamilies, type AppFamilyPayload, isAccessRevoked } from '../app-access.ts';
import type { OpenIdAnswers } from '../openid-answers.ts';
import { isBoundOver } from '../openid-binding.ts';
import { requiredParameter } from '../parameters.ts';
import type { Grant, GrantAnswer, GrantRequest } from './grant.ts';

export interface RefreshTokenGrantDeps {
  accessTokens: AccessTokens;
  families: AppFamilies;
  revocations: Revocations;
  openid: Pick<OpenIdAnswers, 'idToken'>;
  clock: Clock;
  audit: Audit;
}

interface KeptAnswer {
  issued: IssuedAccessToken;
  scopes: string[];
  refreshToken: string;
  idToken?: string | undefined;
  customerId: string;
}

/**
 * RFC 6749 section 6: each refresh token is used once. A second use within ten seconds gets the same answer again
 * (the first copy may have been lost); any other use of an old token ends the family. Scopes can only shrink, for this
 * answer alone. A new ID token says the same as the first, without its nonce (OpenID Connect Core 1.0 section 12.2).
 */
export function createRefreshTokenGrant(deps: RefreshTokenGrantDeps): Grant {
  const { accessTokens, families, revocations, audit } = deps;

  const makeAnswer = async (
    { client, scopesWithin, facts }: GrantRequest,
    family: RefreshFamily<AppFamilyPayload>,
    successor: string,
  ): Promise<string> => {
    const { payload, familyId, createdAtMs: givenAtMs } = family;
    const { fields, session, channel, authTimeMs } = payload;
    const customerId = family.customerId as CustomerIdentifier;
    const reference = parseReference(payload.reference);
    const revoked = isAccessRevoked(revocations, {
      clientId: client.clientId,
      customerId,
      grantId: familyId,
      givenAtMs,
    });
    const isOver = isBoundOver(session, { nowMs: deps.clock.nowMs(), givenAtMs, revocations });
    if (reference === undefined || revoked || isOver) throw new OAuthError('invalid_grant');
    const scopes = [...scopesWithin(payload.scopes)];
    const issued = accessTokens.issue({
      clientId: client.clientId,
      partner: client.partner,
      scopes,
      customer: { customerId, reference, fields, channel, grantId: familyId, sid: session?.sid },
      ...(session ? { notAfterMs: session.endsAtMs } : {}),
    });
    const idToken =
      session &&
      (await deps.openid.idToken(client, scopes, {
        customerId,
        reference,
        fields,
        sid: session.sid,
        authTimeMs,
        notAfterMs: session.endsAtMs,
        nonce: undefined,
        accessToken: issued.token,
        facts,
      }));
    const answer: KeptAnswer = { issued, scopes, refreshToken: successor, idToken, customerId };
    return JSON.stringify(answer);
  };

  return {
    grantType: 'refresh_token',
    grant: async (request): Promise<GrantAnswer> => {
      const { client, parameters, facts } = request;
      const token = requiredParameter(parameters, 'refresh_token');
      const rotation = await families.rotate(token, client.clientId, (family, successor) =>
        makeAnswer(request, family, successor),
      );
      if (rotation.outcome !== 'refused') return JSON.parse(rotation.answer) as KeptAnswer;
      if (rotation.reason === 'reused') {
        audit.event('refresh_token.reused', {
          ...facts,
          outcome: 'refused',
          actor: 'partner',
          partner: client.partner,
          clientId: client.clientId,
          customerId: rotation.customerId,
        });
      }
      throw new OAuthError('invalid_grant');
    },
  };
}
