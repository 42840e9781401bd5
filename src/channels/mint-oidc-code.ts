import type { Clock } from '../platform/clock.ts';
import { factsOf, type Mint } from './mint.ts';
import type { IssueVendorCode } from './vendor-codes.ts';

export interface OidcCodeMintDeps {
  issueVendorCode: IssueVendorCode;
  clock: Clock;
}

/** A fresh authorization code of our own OpenID provider for each call: a code works once. */
export function createOidcCodeMint({ issueVendorCode, clock }: OidcCodeMintDeps): Mint<'oidc_code'> {
  return async (request) => {
    const { shape, proof, channel, session, inputs } = request;
    if (proof.client === undefined) throw new Error(`channel ${channel.id} was opened without a client`);
    const issued = await issueVendorCode({
      session,
      sessionEndsAtMs: request.sessionEndsAtMs,
      client: proof.client,
      channel,
      codeChallenge: shape.codeChallenge === 'vendors' ? inputs['code_challenge'] : undefined,
      ownVerifier: shape.codeChallenge === 'ours',
      nonce: inputs['nonce'],
      requestId: request.requestId,
      address: request.address,
    });
    const lifetimeSeconds = issued.expiresInSeconds;
    const times = { lifetimeSeconds, maxSeconds: lifetimeSeconds, backdateSeconds: 0 };
    return {
      kind: 'opaque',
      token: issued.code,
      expiresInSeconds: lifetimeSeconds,
      facts: {
        ...factsOf(request, clock.nowMs(), times),
        proof: issued.code,
        code: {
          code: issued.code,
          redirect_uri: issued.redirectUri,
          code_verifier: issued.codeVerifier,
          nonce: issued.nonce,
          issuer: issued.issuer,
        },
      },
    };
  };
}
