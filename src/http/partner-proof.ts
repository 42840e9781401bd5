import type { Request } from 'express';
import type { ApiKey } from '../api-keys/api-key.ts';
import type { ApiKeys, KeyLookup } from '../api-keys/api-keys.ts';
import { BridgeError } from '../errors.ts';
import type { Partner } from '../partners/partner.ts';
import type { Partners } from '../partners/partners.ts';
import type { Scope } from '../partners/scopes.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { AccessToken, AccessTokens } from '../tokens/access-token.ts';
import { header } from './raw-headers.ts';

/** Which partner asks, and by which of its credentials. */
export interface PartnerProof {
  partner: Partner;
  key: ApiKey;
  clientId: string | undefined;
}

export interface PartnerProofDeps {
  accessTokens: AccessTokens;
  apiKeys: ApiKeys;
  partners: Partners;
  revocations: Revocations;
}

interface Presented {
  /** An access token. */
  token: string | undefined;
  /** A key secret, as bearer. */
  secret: string | undefined;
  publicId: string | undefined;
}

const BEARER = /^bearer +(\S+)$/i;

/** Sorts out what was presented. Ambiguous and misplaced credentials are refused, never guessed at. */
function presentedCredentials(req: Request): Presented {
  const authorization = header(req, 'authorization');
  const bearer = authorization === undefined ? undefined : BEARER.exec(authorization)?.[1];
  if (authorization !== undefined && bearer === undefined) throw new BridgeError('INVALID_ACCESS_TOKEN');
  const apiKey = header(req, 'api-key');
  const xApiKey = header(req, 'x-api-key');
  if (apiKey !== undefined && xApiKey !== undefined) throw new BridgeError('INVALID_API_KEY');
  const isSecret = bearer?.startsWith('sk_') ?? false;
  return {
    token: isSecret ? undefined : bearer,
    secret: isSecret ? bearer : undefined,
    publicId: apiKey ?? xApiKey,
  };
}

function liveKey(lookup: KeyLookup, proven: boolean): ApiKey {
  if (lookup.result === 'live') return lookup.key;
  throw new BridgeError(lookup.result === 'expired' && proven ? 'EXPIRED_API_KEY' : 'INVALID_API_KEY');
}

/** Whether the caller has shown that it belongs to the key's partner, so that it may learn more than "invalid". */
function sameParty(lookup: KeyLookup, partner: string): boolean {
  return lookup.result === 'unknown' || lookup.key.partner === partner;
}

export function createPartnerProof(deps: PartnerProofDeps) {
  const { accessTokens, apiKeys, partners, revocations } = deps;

  const verifyToken = (text: string): AccessToken => {
    const verified = accessTokens.verify(text);
    if (!verified.ok) throw new BridgeError('INVALID_ACCESS_TOKEN');
    const { token } = verified;
    const revoked =
      revocations.isRevoked('client', token.clientId, token.issuedAtMs) ||
      revocations.isRevoked('token', token.jti, token.issuedAtMs);
    const partner = partners.find(token.partner);
    if (revoked || !partner || partner.disabledAtMs !== undefined)
      throw new BridgeError('INVALID_ACCESS_TOKEN');
    return token;
  };

  /** A key whose policy asks for signed requests is never accepted without a signature. */
  const refuseUnsigned = (key: ApiKey) => {
    if (key.signatureRequired) throw new BridgeError('INVALID_SIGNATURE', { missing: true });
  };

  const byAccessToken = async (presented: Presented): Promise<PartnerProof & { scopes: Set<string> }> => {
    const token = verifyToken(presented.token as string);
    if (presented.publicId === undefined) throw new BridgeError('INVALID_API_KEY', { missing: true });
    const found = apiKeys.byPublicId(presented.publicId);
    const lookup = found instanceof Promise ? await found : found;
    if (!sameParty(lookup, token.partner)) throw new BridgeError('INVALID_API_KEY');
    const key = liveKey(lookup, true);
    refuseUnsigned(key);
    const scopes = new Set(key.scopes.filter((scope) => token.scopes.has(scope)));
    return { partner: partners.find(token.partner) as Partner, key, clientId: token.clientId, scopes };
  };

  const bySecret = async (presented: Presented): Promise<PartnerProof & { scopes: Set<string> }> => {
    const found = apiKeys.bySecret(presented.secret as string);
    const key = liveKey(found instanceof Promise ? await found : found, true);
    refuseUnsigned(key);
    let { scopes } = key;
    if (presented.publicId !== undefined) {
      const lookup = await apiKeys.byPublicId(presented.publicId);
      if (!sameParty(lookup, key.partner)) throw new BridgeError('INVALID_API_KEY');
      const second = liveKey(lookup, true);
      refuseUnsigned(second);
      scopes = scopes.filter((scope) => second.scopes.includes(scope));
    }
    return {
      partner: partners.find(key.partner) as Partner,
      key,
      clientId: undefined,
      scopes: new Set(scopes),
    };
  };

  /**
   * Which partner makes this request, with the scope that the call needs. An access token needs an API key of the
   * same partner beside it; a public id alone identifies and proves nothing. Throws `INVALID_ACCESS_TOKEN`,
   * `INVALID_API_KEY`, `EXPIRED_API_KEY`, `INVALID_SIGNATURE` or `INSUFFICIENT_SCOPE`.
   */
  return async (req: Request, scope: Scope): Promise<PartnerProof> => {
    const presented = presentedCredentials(req);
    if (presented.token === undefined && presented.secret === undefined) {
      if (presented.publicId !== undefined) throw new BridgeError('INVALID_API_KEY');
      throw new BridgeError('INVALID_ACCESS_TOKEN', { missing: true });
    }
    const proof = presented.secret === undefined ? await byAccessToken(presented) : await bySecret(presented);
    if (!proof.scopes.has(scope)) throw new BridgeError('INSUFFICIENT_SCOPE', { details: { scope } });
    return proof;
  };
}

export type ProvePartner = ReturnType<typeof createPartnerProof>;
