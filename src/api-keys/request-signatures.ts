import { type FirstUse, type ReplayStore, rememberUntilMs, replayId } from '../replay/replay.ts';
import type { SignatureProblem, SignatureVersion, SignedRequest } from '../signatures/signed-request.ts';
import { readV1, V1_WINDOW_SECONDS, type V1Signature, v1IsTimely, v1Matches } from '../signatures/v1.ts';
import {
  ed25519PublicKey,
  readV2,
  V2_WINDOW_SECONDS,
  type V2Signature,
  v2BodyProblem,
  v2MatchesEd25519,
  v2MatchesHmac,
  v2TimeProblem,
} from '../signatures/v2.ts';
import type { Clock } from '../platform/clock.ts';
import type { ApiKey, ApiKeySecret, SignaturePolicy } from './api-key.ts';
import type { HeldSigningKey, KeyLookups } from './key-lookup.ts';

export type RequestSignature = V1Signature | V2Signature;

/** The signatures that a request carries. A problem means that one of them cannot be right, whatever the key. */
export interface CarriedSignatures {
  signatures: readonly RequestSignature[];
  problem: SignatureProblem | undefined;
}

/**
 * What a key says to the signatures of a request. `replaced`: right, but made with a secret whose time is over.
 * `untimely`: right, but too old or too far ahead. Both are told only to whoever made a right signature.
 */
export type SignatureVerdict =
  | { outcome: 'right'; secrets: readonly ApiKeySecret[] }
  | { outcome: 'replaced' }
  | { outcome: 'untimely'; windowSeconds: number }
  | { outcome: 'wrong'; problem: SignatureProblem };

export interface RequestSignatures {
  /** Checks every signature that a request carries with one key. Uses nothing up. */
  judge(key: ApiKey, request: SignedRequest, signatures: readonly RequestSignature[]): SignatureVerdict;
  /** Uses the signatures up. Throws `STORE_UNAVAILABLE` when nobody can tell whether they were used before. */
  consume(key: ApiKey, signatures: readonly RequestSignature[]): Promise<FirstUse>;
}

/** Reads both schemes; nothing is known yet of who signed. */
export function readSignatures(request: SignedRequest): CarriedSignatures {
  const signatures: RequestSignature[] = [];
  for (const found of [readV1(request), readV2(request)]) {
    if (typeof found === 'string') return { signatures, problem: found };
    if (found) signatures.push(found);
  }
  return { signatures, problem: undefined };
}

/** Whether signatures of these versions are what a key's policy asks for. */
export function satisfiesPolicy(policy: SignaturePolicy, versions: readonly SignatureVersion[]): boolean {
  switch (policy) {
    case 'none':
      return true;
    case 'any':
      return versions.length > 0;
    case 'v1':
    case 'v2':
      return versions.includes(policy);
  }
}

export interface RequestSignaturesDeps {
  clock: Clock;
  replays: Pick<ReplayStore, 'consume'>;
  apiKeys: Pick<KeyLookups, 'signingKeys' | 'isLive'>;
}

export function createRequestSignatures(deps: RequestSignaturesDeps): RequestSignatures {
  const { clock, replays, apiKeys } = deps;

  /** The secret that made a signature; every one is tried, so that time tells nothing of which. */
  const madeWith = (
    held: readonly HeldSigningKey[],
    matches: (one: HeldSigningKey) => boolean,
  ): ApiKeySecret | undefined => {
    const made = held.filter(matches).map(({ secret }) => secret);
    return made.find(apiKeys.isLive) ?? made[0];
  };

  const judgeV1 = (key: ApiKey, request: SignedRequest, signature: V1Signature): SignatureVerdict => {
    const secret = madeWith(apiKeys.signingKeys(key), ({ signingKey }) =>
      v1Matches(signature, signingKey, request.body),
    );
    if (!secret) return { outcome: 'wrong', problem: 'signature_mismatch' };
    if (!apiKeys.isLive(secret)) return { outcome: 'replaced' };
    return v1IsTimely(signature, clock.nowMs())
      ? { outcome: 'right', secrets: [secret] }
      : { outcome: 'untimely', windowSeconds: V1_WINDOW_SECONDS };
  };

  const judgeV2 = (key: ApiKey, request: SignedRequest, signature: V2Signature): SignatureVerdict => {
    const secrets: ApiKeySecret[] = [];
    let replaced = false;
    if (signature.algorithm === 'hmac-sha256') {
      const secret = madeWith(apiKeys.signingKeys(key), ({ signingKey }) =>
        v2MatchesHmac(signature, signingKey),
      );
      if (!secret) return { outcome: 'wrong', problem: 'signature_mismatch' };
      replaced = !apiKeys.isLive(secret);
      secrets.push(secret);
    } else {
      if (key.publicKeys.length === 0) return { outcome: 'wrong', problem: 'algorithm_without_key' };
      const made = key.publicKeys.some(({ ed25519 }) =>
        v2MatchesEd25519(signature, ed25519PublicKey(ed25519)),
      );
      if (!made) return { outcome: 'wrong', problem: 'signature_mismatch' };
    }
    const bodyProblem = v2BodyProblem(request);
    if (bodyProblem) return { outcome: 'wrong', problem: bodyProblem };
    if (replaced) return { outcome: 'replaced' };
    return v2TimeProblem(signature, clock.nowMs())
      ? { outcome: 'untimely', windowSeconds: V2_WINDOW_SECONDS }
      : { outcome: 'right', secrets };
  };

  return {
    judge: (key, request, signatures) => {
      const secrets: ApiKeySecret[] = [];
      for (const signature of signatures) {
        const verdict =
          signature.version === 'v1' ? judgeV1(key, request, signature) : judgeV2(key, request, signature);
        if (verdict.outcome !== 'right') return verdict;
        secrets.push(...verdict.secrets);
      }
      return { outcome: 'right', secrets };
    },

    consume: async (key, signatures) => {
      const nowMs = clock.nowMs();
      for (const signature of signatures) {
        const use =
          signature.version === 'v1'
            ? replays.consume(
                'signature-v1',
                replayId([key.keyId, signature.mac.toString('hex')]),
                rememberUntilMs(nowMs, V1_WINDOW_SECONDS * 1000),
              )
            : replays.consume(
                'signature-v2',
                replayId([key.keyId, signature.nonce]),
                rememberUntilMs(nowMs, V2_WINDOW_SECONDS * 1000),
              );
        if ((await use) === 'replayed') return 'replayed';
      }
      return 'fresh';
    },
  };
}
