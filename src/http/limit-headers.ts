import { BridgeError } from '../errors.ts';
import type { LimitVerdict, PolicyState } from '../limits/limiter.ts';

/** How each policy was last written; names are few, and a name nearly always means the same quota. */
const written = new Map<string, Pick<PolicyState, 'quota' | 'windowSeconds'> & { text: string }>();

function policyText({ name, quota, windowSeconds }: PolicyState): string {
  const known = written.get(name);
  if (known && known.quota === quota && known.windowSeconds === windowSeconds) return known.text;
  const text = `"${name}";q=${quota};w=${windowSeconds}`;
  written.set(name, { quota, windowSeconds, text });
  return text;
}

/**
 * `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11): two structured-field lists of strings
 * (RFC 9651). `q` and `w` are a policy's quota and window in seconds, `r` what is left, `t` the seconds until the
 * window ends. Policy names are ours and hold no character that needs escaping. None when nothing is limited.
 */
export function limitHeaders(policies: readonly PolicyState[]): Record<string, string> {
  if (policies.length === 0) return {};
  let policy = '';
  let state = '';
  for (const one of policies) {
    const { name, remaining, resetSeconds } = one;
    const comma = policy === '' ? '' : ', ';
    policy += comma + policyText(one);
    state += `${comma}"${name}";r=${remaining};t=${resetSeconds}`;
  }
  return { 'ratelimit-policy': policy, ratelimit: state };
}

/** The headers of a refusal that another limit than those of `LimitGuard` made, from what it says of itself. */
export function refusalHeaders({ details, retryAfterSeconds = 0 }: BridgeError): Record<string, string> {
  const { policy: name, quota, window_seconds: windowSeconds } = details ?? {};
  if (typeof name !== 'string' || typeof quota !== 'number' || typeof windowSeconds !== 'number') return {};
  return limitHeaders([{ name, quota, windowSeconds, remaining: 0, resetSeconds: retryAfterSeconds }]);
}

/** For the contract of a limited endpoint. */
export const LIMIT_HEADERS: Readonly<Record<string, string>> = {
  RateLimit: 'What is left of each limit (r) and the seconds until its window ends (t).',
  'RateLimit-Policy': 'Each limit of this caller: requests (q) in a window of so many seconds (w).',
};

/** The refusal of a request beyond a limit: names the limit and the seconds after which it is over. */
export function rateLimited({ refusedBy, retryAfterSeconds }: LimitVerdict): BridgeError {
  const failures = refusedBy?.name.startsWith('failures-') ?? false;
  return new BridgeError('RATE_LIMITED', {
    ...(failures
      ? { message: 'Too many failed authentications from this address. Wait before the next request.' }
      : {}),
    ...(refusedBy
      ? {
          details: {
            policy: refusedBy.name,
            quota: refusedBy.quota,
            window_seconds: refusedBy.windowSeconds,
          },
        }
      : {}),
    retryAfterSeconds,
  });
}
