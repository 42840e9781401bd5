import type { Audit } from '../../audit/audit.ts';
import { OAuthError } from '../../errors.ts';
import { type CustomerIdentifier, parseReference } from '../../identifiers/identifier.ts';
import type { Revocations } from '../../revocation/revocations.ts';
import type { AccessTokens, IssuedAccessToken } from '../../tokens/access-token.ts';
import type { RefreshFamily } from '../../tokens/refresh-families.ts';
import { type AppFamilies, type AppFamilyPayload, isAccessRevoked } from '../app-access.ts';
import { requiredParameter } from '../parameters.ts';
import type { Grant, GrantAnswer, GrantRequest } from './grant.ts';

export interface RefreshTokenGrantDeps {
  accessTokens: AccessTokens;
  families: AppFamilies;
  revocations: Revocations;
  audit: Audit;
}

interface KeptAnswer {
  issued: IssuedAccessToken;
  scopes: string[];
  refreshToken: string;
  customerId: string;
}

/**
 * RFC 6749 section 6: each refresh token is used once. A second use within ten seconds gets the same answer again
 * (the first copy may have been lost); any other use of an old token ends the family. Scopes can only shrink, for this
 * answer alone.
 */
export function createRefreshTokenGrant(deps: RefreshTokenGrantDeps): Grant {
  const { accessTokens, families, revocations, audit } = deps;

  const makeAnswer = (
    { client, scopesWithin }: GrantRequest,
    family: RefreshFamily<AppFamilyPayload>,
    successor: string,
  ): string => {
    const { payload, customerId, familyId } = family;
    const reference = parseReference(payload.reference);
    const revoked = isAccessRevoked(revocations, {
      clientId: client.clientId,
      customerId,
      grantId: familyId,
      givenAtMs: family.createdAtMs,
    });
    if (reference === undefined || revoked) throw new OAuthError('invalid_grant');
    const scopes = [...scopesWithin(payload.scopes)];
    const issued = accessTokens.issue({
      clientId: client.clientId,
      partner: client.partner,
      scopes,
      customer: {
        customerId: customerId as CustomerIdentifier,
        reference,
        fields: payload.fields,
        channel: payload.channel,
        grantId: familyId,
        sid: undefined,
      },
    });
    return JSON.stringify({ issued, scopes, refreshToken: successor, customerId } satisfies KeptAnswer);
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
