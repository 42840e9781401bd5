import { compactVerify, errors } from 'jose';
import type { TokenFault } from './jwt-claims.ts';
import type { ClaimedToken } from './jwt-parse.ts';
import type { JwtSettings } from './jwt-settings.ts';
import type { KeySet } from './key-set.ts';

const DEFAULT_HEADER_TYPES = { id_token: ['JWT'], access_token: ['at+jwt'] } as const;

/** `unknown`: the provider's keys cannot be had. */
export type SignatureVerdict = 'sound' | 'unknown' | Extract<TokenFault, 'key' | 'signature'>;

/** What is wrong with a header under these settings, if anything; looked at before any key is. */
export function headerFault({ alg, typ }: ClaimedToken, settings: JwtSettings): TokenFault | undefined {
  const types: readonly string[] = settings.header_types ?? DEFAULT_HEADER_TYPES[settings.token_type];
  if (!types.some((one) => one.toLowerCase() === typ)) return 'token_type';
  return (settings.algorithms as readonly string[]).includes(alg) ? undefined : 'algorithm';
}

/** Whether the key that the header names signed the token. */
export async function checkSignature(
  token: string,
  claimed: ClaimedToken,
  keySet: KeySet,
): Promise<SignatureVerdict> {
  const answer = await keySet.find(claimed.kid, claimed.alg);
  if (answer.found === 'unknown') return 'unknown';
  if (answer.found === 'none') return 'key';
  try {
    await compactVerify(token, answer.key, { algorithms: [claimed.alg] });
    return 'sound';
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) return 'signature';
    throw error;
  }
}
