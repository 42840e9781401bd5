import type { Audit } from '../audit/audit.ts';
import type { Clock } from '../platform/clock.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { AccessTokens } from '../tokens/access-token.ts';
import type { AppFamilies } from './app-access.ts';
import type { AuthenticateClient, OAuthRequest } from './client-authentication.ts';
import { presentParameters, requiredParameter } from './parameters.ts';

export interface RevokeTokenDeps {
  authenticateClient: AuthenticateClient;
  accessTokens: AccessTokens;
  families: AppFamilies;
  revocations: Revocations;
  clock: Clock;
  audit: Audit;
}

/**
 * RFC 7009: a client gives one of its own tokens back. A refresh token takes its family and the access tokens of it
 * along. A token that is unknown, expired or somebody else's is answered like one that was revoked, and left alone.
 */
export function createRevokeToken(deps: RevokeTokenDeps) {
  const { accessTokens, families, revocations, clock } = deps;

  const revokeAccessToken = async (text: string, clientId: string): Promise<boolean> => {
    const verified = accessTokens.verify(text);
    if (!verified.ok || verified.token.clientId !== clientId) return false;
    const { jti, exp } = verified.token;
    const expiresAtMs = exp * 1000 + 60_000;
    await revocations.revoke([{ kind: 'token', id: jti, cutoffMs: clock.nowMs(), expiresAtMs }]);
    return true;
  };

  const revokeRefreshToken = async (text: string, clientId: string): Promise<boolean> => {
    const familyId = await families.familyOf(text, clientId);
    if (familyId === undefined) return false;
    await families.end(familyId);
    return true;
  };

  return async (request: OAuthRequest): Promise<void> => {
    const parameters = presentParameters(request.parameters);
    const client = await deps.authenticateClient({ ...request, parameters });
    const token = requiredParameter(parameters, 'token');
    const revoked =
      (await revokeRefreshToken(token, client.clientId)) || (await revokeAccessToken(token, client.clientId));
    if (!revoked) return;
    deps.audit.event('access_token.revoked', {
      outcome: 'success',
      actor: 'partner',
      partner: client.partner,
      clientId: client.clientId,
      requestId: request.requestId,
      address: request.address,
    });
  };
}

export type RevokeToken = ReturnType<typeof createRevokeToken>;
