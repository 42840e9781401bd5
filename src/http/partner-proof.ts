import type { Request } from 'express';
import type { ApiKey, ApiKeyEnvironment, ApiKeySecret } from '../api-keys/api-key.ts';
import type { ApiKeys } from '../api-keys/api-keys.ts';
import type { KeyLookup } from '../api-keys/key-lookup.ts';
import {
  type CarriedSignatures,
  type RequestSignature,
  type RequestSignatures,
  readSignatures,
  satisfiesPolicy,
} from '../api-keys/request-signatures.ts';
import { BridgeError, type ErrorCode } from '../errors.ts';
import { isAccessTokenLive } from '../oauth/access-token-liveness.ts';
import type { Partner } from '../partners/partner.ts';
import type { Partners } from '../partners/partners.ts';
import { PUBLISHABLE_SCOPES, type Scope } from '../partners/scopes.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { SignatureVersion, SignedRequest } from '../signatures/signed-request.ts';
import { type V2Signature, v2KeyId } from '../signatures/v2.ts';
import type { AccessToken, AccessTokens } from '../tokens/access-token.ts';
import { callerOf, type LimitGuard } from './limit-guard.ts';
import { type Presented, presentedCredentials } from './presented-credentials.ts';
import type { RequestContext } from './request-context.ts';
import { asSignedRequest, carriesSignature, type PublicAddress } from './signed-request.ts';

/** Which partner asks, and by which of its credentials. */
export interface PartnerProof {
  partner: Partner;
  /** `undefined` when an access token stands alone. */
  key: ApiKey | undefined;
  clientId: string | undefined;
  /** The access token that was presented; it may name the customer itself. */
  token: AccessToken | undefined;
  /** `test` as soon as one of the keys is a test key. */
  environment: ApiKeyEnvironment;
  /** What every credential of the request allows. */
  scopes: ReadonlySet<string>;
  /** Schemes of the signatures that were right. */
  signed: readonly SignatureVersion[];
  /** False when only a public id was shown: it says who might be calling, and proves nothing. */
  proven: boolean;
}

export interface ProofRequest {
  req: Request;
  /** The raw bytes that arrived: signatures cover them. */
  body: Buffer;
  /** Learns who calls as soon as that is known, for the log and the record of a refusal. */
  context: RequestContext;
  /** `openid` is a scope of access tokens alone: no key has it. */
  scope: Scope | 'openid';
  /** Counts the proven caller before its signature is used up, so that a refused one may be sent again. */
  limits: Pick<LimitGuard, 'admitCaller'>;
  /** An access token needs an API key of the same partner beside it, unless it names the customer itself. */
  needsKey: boolean;
  /**
   * The request changes nothing and reads nobody, so that its v1 signature may come again here. It is used up all the
   * same: v1 covers neither method nor path, and would be right elsewhere.
   */
  repeatable?: boolean;
  /** Looks at the bearer alone, because what the other headers say is the question. */
  bearerAlone?: boolean;
}

/** What a request may hear of the partner's credentials, for the contracts of endpoints that prove one. */
export const PARTNER_PROOF_ERRORS = [
  'INVALID_ACCESS_TOKEN',
  'INVALID_API_KEY',
  'EXPIRED_API_KEY',
  'INVALID_SIGNATURE',
  'TIMESTAMP_EXPIRED',
  'SIGNATURE_REPLAYED',
  'IP_NOT_ALLOWED',
  'INSUFFICIENT_SCOPE',
] as const satisfies readonly ErrorCode[];

export interface PartnerProofDeps {
  accessTokens: AccessTokens;
  apiKeys: ApiKeys;
  requestSignatures: RequestSignatures;
  partners: Partners;
  revocations: Revocations;
  address: PublicAddress;
}

/** What has been found out of a request so far. */
interface Found {
  token: AccessToken | undefined;
  /** The key whose secret was presented. */
  bearer: { key: ApiKey; secret: ApiKeySecret } | undefined;
  /** The key whose public id was named. */
  named: KeyLookup | undefined;
  /** Partner that a token or a secret has proven. */
  partner: string | undefined;
}

/** The signatures of a request, and the key id that a v2 one names, be it broken or not. */
interface Carried extends CarriedSignatures {
  keyId: string | undefined;
}

const NO_SIGNATURES: Carried = { signatures: [], problem: undefined, keyId: undefined };

function carriedBy(request: SignedRequest): Carried {
  const { signatures, problem } = readSignatures(request);
  const v2 = signatures.find(({ version }) => version === 'v2') as V2Signature | undefined;
  return { signatures, problem, keyId: problem === undefined ? v2?.keyId : v2KeyId(request) };
}

/** Goes on at once with what is there, and later with what is not: a promise costs more than most checks. */
function soon<T, U>(value: T | Promise<T>, next: (value: T) => U | Promise<U>): U | Promise<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}

const NO_VERSIONS: readonly SignatureVersion[] = [];
const NO_SECRETS: readonly ApiKeySecret[] = [];

const invalidKey = () => new BridgeError('INVALID_API_KEY');

export function createPartnerProof(deps: PartnerProofDeps) {
  const { accessTokens, apiKeys, requestSignatures, partners, revocations } = deps;

  const commonScopes = new WeakMap<AccessToken, { key: ApiKey; scopes: ReadonlySet<string> }>();

  const requireLive = (token: AccessToken): AccessToken => {
    if (!isAccessTokenLive(token, { revocations, partners })) throw new BridgeError('INVALID_ACCESS_TOKEN');
    return token;
  };

  const verifyToken = (text: string): AccessToken | Promise<AccessToken> => {
    const verified = accessTokens.verify(text);
    if (!verified.ok) throw new BridgeError('INVALID_ACCESS_TOKEN');
    const { token } = verified;
    // Another process may have issued it to a partner that was made a moment ago.
    return partners.find(token.partner)
      ? requireLive(token)
      : partners.seek(token.partner).then(() => requireLive(token));
  };

  const verifySecret = ({ secret, named }: NonNullable<Presented['secret']>) =>
    soon(apiKeys.bySecret(secret), (lookup) => {
      if (lookup.result === 'live') return lookup;
      if (lookup.result === 'expired') throw new BridgeError('EXPIRED_API_KEY');
      throw new BridgeError(named ? 'INVALID_API_KEY' : 'INVALID_ACCESS_TOKEN');
    });

  /** The same once the access token is known, if there is one. */
  const partiesBeside = (
    token: AccessToken | undefined,
    presented: Presented,
    { keyId }: Carried,
  ): Found | Promise<Found> => {
    const publicId = presented.publicId ?? keyId;
    const withKey = (bearer: Found['bearer']): Found | Promise<Found> => {
      const partner = token?.partner ?? bearer?.key.partner;
      if (publicId === undefined) return { token, bearer, named: undefined, partner };
      return soon(apiKeys.byPublicId(publicId), (named) => {
        if (named.result === 'unknown') throw invalidKey();
        if (partner !== undefined && named.key.partner !== partner) throw invalidKey();
        if (keyId !== undefined && keyId !== publicId) {
          throw new BridgeError(named.result === 'live' ? 'INVALID_SIGNATURE' : 'INVALID_API_KEY');
        }
        return { token, bearer, named, partner };
      });
    };
    return presented.secret ? soon(verifySecret(presented.secret), withKey) : withKey(undefined);
  };

  /** Who the credentials say is calling. A key of another partner than the one proven is like an unknown one. */
  const findParties = (presented: Presented, carried: Carried): Found | Promise<Found> =>
    presented.token === undefined
      ? partiesBeside(undefined, presented, carried)
      : soon(verifyToken(presented.token), (token) => partiesBeside(token, presented, carried));

  /**
   * Checks the signatures that came with the request, with the named key or else the presented one. Returns the
   * secrets that made them; throws what the caller may know.
   */
  const checkSignatures = (
    { req, body }: ProofRequest,
    found: Found,
    { signatures, problem }: CarriedSignatures,
  ): readonly ApiKeySecret[] => {
    const key = found.named?.result === 'unknown' ? undefined : (found.named?.key ?? found.bearer?.key);
    const live = found.named?.result !== 'expired';
    // Whoever named an expired key and has proven nothing learns no more than of a key that never was.
    const wrong = () =>
      live || found.partner !== undefined ? new BridgeError('INVALID_SIGNATURE') : invalidKey();
    if (problem !== undefined || !key) throw wrong();
    const verdict = requestSignatures.judge(key, asSignedRequest(req, body, deps.address), signatures);
    switch (verdict.outcome) {
      case 'right':
        return verdict.secrets;
      case 'wrong':
        throw wrong();
      case 'replaced':
        throw new BridgeError('EXPIRED_API_KEY');
      case 'untimely':
        throw new BridgeError(live ? 'TIMESTAMP_EXPIRED' : 'EXPIRED_API_KEY', {
          details: { window_seconds: verdict.windowSeconds },
        });
    }
  };

  /** Checks what a key itself asks for. `proven`: the caller holds it, or belongs to its partner. */
  const checkKey = (key: ApiKey, versions: readonly SignatureVersion[], proven: boolean, address: string) => {
    if (!satisfiesPolicy(key.signature, versions))
      throw new BridgeError('INVALID_SIGNATURE', { missing: true });
    if (!apiKeys.allowsAddress(key, address)) {
      throw proven ? new BridgeError('IP_NOT_ALLOWED', { details: { address } }) : invalidKey();
    }
  };

  const usedUp = async (request: ProofRequest, key: ApiKey, signatures: readonly RequestSignature[]) => {
    for (const signature of signatures) {
      const use = await requestSignatures.consume(key, [signature]);
      if (use === 'fresh' || (request.repeatable && signature.version === 'v1')) continue;
      // Whoever sends a copy need not be who made it, so it counts against the address that it came from.
      request.context.countsFailures = true;
      throw new BridgeError('SIGNATURE_REPLAYED');
    }
  };

  /** What every credential allows. A token and a key that are used together are so again and again. */
  const scopesOf = ({ token }: Found, keys: readonly ApiKey[], proven: boolean): ReadonlySet<string> => {
    const [key] = keys;
    const isUsual = token !== undefined && key !== undefined && keys.length === 1 && proven;
    const known = isUsual ? commonScopes.get(token) : undefined;
    if (known && known.key === key) return known.scopes;
    const [first, ...rest] = [
      ...(token ? [token.scopes] : []),
      ...keys.map((one) => new Set<string>(one.scopes)),
    ];
    const common = [...(first ?? [])].filter((scope) => rest.every((others) => others.has(scope)));
    const scopes = new Set(proven ? common : common.filter((scope) => PUBLISHABLE_SCOPES.has(scope)));
    if (isUsual) commonScopes.set(token, { key, scopes });
    return scopes;
  };

  /** Tells the log who calls, as far as that is known. */
  const introduce = (context: RequestContext, found: Found, key: ApiKey | undefined) => {
    const partner = found.partner ?? key?.partner;
    if (partner !== undefined) context.partner = partner;
    if (key) context.keyPrefix = key.publicPrefix;
    if (found.token) context.clientId = found.token.clientId;
  };

  /** What the credentials prove, and the secrets that proved it. Throws what the caller may know. */
  const judge = (request: ProofRequest, carried: Carried, found: Found) => {
    const { context, scope } = request;
    const named = found.named?.result === 'unknown' ? undefined : found.named;
    const key = named?.key ?? found.bearer?.key;
    const keys = [key, found.bearer?.key].filter((one) => one !== undefined);
    if (keys[0]?.keyId === keys[1]?.keyId) keys.splice(1);
    introduce(context, found, key);
    if (!key && !found.token) {
      throw carried.problem
        ? new BridgeError('INVALID_SIGNATURE')
        : new BridgeError('INVALID_ACCESS_TOKEN', { missing: true });
    }
    const isSigned = carried.signatures.length > 0 || carried.problem !== undefined;
    const signers = isSigned ? checkSignatures(request, found, carried) : NO_SECRETS;
    // The secret of a bearer-use key proves by being presented; its signature can only come on top.
    const proven = found.partner !== undefined || (isSigned && key?.use === 'signing');
    if (named?.result === 'expired') throw proven ? new BridgeError('EXPIRED_API_KEY') : invalidKey();
    const signed = isSigned ? carried.signatures.map(({ version }) => version) : NO_VERSIONS;
    // A signature speaks for the key that made it and for no other.
    for (const one of keys) checkKey(one, one === key ? signed : NO_VERSIONS, proven, context.address);
    if (!key && request.needsKey && !found.token?.customer)
      throw new BridgeError('INVALID_API_KEY', { missing: true });
    if (!proven && !PUBLISHABLE_SCOPES.has(scope)) throw invalidKey();
    const scopes = scopesOf(found, keys, proven);
    if (!scopes.has(scope))
      throw proven ? new BridgeError('INSUFFICIENT_SCOPE', { details: { scope } }) : invalidKey();
    const partner = partners.find(found.partner ?? (key as ApiKey).partner) as Partner;
    const environment = keys.some((one) => one.environment === 'test') ? 'test' : 'live';
    const { token } = found;
    const clientId = token?.clientId;
    const proof: PartnerProof = { partner, key, environment, clientId, token, scopes, signed, proven };
    return { proof, secrets: found.bearer ? [found.bearer.secret, ...signers] : signers };
  };

  /** Notes what was used. */
  const note = ({ named }: Found, secrets: readonly ApiKeySecret[], isSigned: boolean) => {
    for (const secret of secrets) apiKeys.note(secret.secretId);
    // Named beside an access token alone, it is in use although its secret is not.
    if (named?.result === 'live' && !isSigned) apiKeys.note(named.key.keyId);
  };

  const admit = (
    request: ProofRequest,
    carried: Carried,
    found: Found,
  ): PartnerProof | Promise<PartnerProof> => {
    const { proof, secrets } = judge(request, carried, found);
    const { key, signed } = proof;
    const isSigned = carried.signatures.length > 0 || carried.problem !== undefined;
    const admitted = request.limits.admitCaller(request.context, callerOf(proof));
    if (!admitted && (!key || signed.length === 0)) {
      note(found, secrets, isSigned);
      return proof;
    }
    const finish = async () => {
      if (admitted) await admitted;
      if (key && signed.length > 0) await usedUp(request, key, carried.signatures);
      note(found, secrets, isSigned);
      return proof;
    };
    return finish();
  };

  /**
   * Which partner makes this request, with the scope that the call needs. Several credentials at once must be of one
   * partner, and allow what all of them allow; signatures that are there are checked, whether asked for or not. What
   * only a holder may know (expiry, time, address, scope) is said after the proof alone. What the limits refuse has used
   * nothing up. Throws, or rejects: at once while all that it needs is in memory.
   */
  return (request: ProofRequest): PartnerProof | Promise<PartnerProof> => {
    const { req, body } = request;
    const presented = presentedCredentials(req, { bearerAlone: request.bearerAlone ?? false });
    const carried =
      carriesSignature(req) && !request.bearerAlone
        ? carriedBy(asSignedRequest(req, body, deps.address))
        : NO_SIGNATURES;
    return soon(findParties(presented, carried), (found) => admit(request, carried, found));
  };
}

export type ProvePartner = ReturnType<typeof createPartnerProof>;
