import { z } from 'zod';
import type { Clock } from '../platform/clock.ts';
import { secretSetting, urlSetting } from '../platform/settings.ts';
import { readJsonObject } from './json-answer.ts';
import {
  OutboundError,
  type OutboundAuthDeps,
  type OutboundAuthScheme,
  type OutboundRequest,
  type OutboundResponse,
} from './outbound-types.ts';

const RESERVED_PARAMETERS = new Set(['grant_type', 'client_id', 'client_secret', 'scope']);

const optionsSchema = z.strictObject({
  type: z.literal('client_credentials'),
  token_url: urlSetting,
  client_id: z.string().min(1).max(512),
  client_secret: secretSetting({ minLength: 8 }),
  /** Space-separated; left out of the request when empty. */
  scope: z.string().max(1_024).default(''),
  /** Where the client's id and secret go: the Authorization header, or the form. */
  client_authentication: z.enum(['basic', 'body']).default('basic'),
  /** Further form parameters that the token endpoint wants, such as `audience`. */
  parameters: z
    .record(z.string(), z.string())
    .default({})
    .refine((extra) => !Object.keys(extra).some((name) => RESERVED_PARAMETERS.has(name)), {
      message: 'must not repeat grant_type, client_id, client_secret or scope',
    }),
});

type ClientCredentialsOptions = z.infer<typeof optionsSchema>;

const FETCH_TIMEOUT_MS = 30_000;
const WAIT_TIMEOUT_MS = 5_000;
const COOL_DOWN_MS = 1_000;
const SAFETY_MS = 30_000;
/** RFC 6749 section 5.1 only recommends `expires_in`. */
const UNSTATED_LIFETIME_SECONDS = 300;
const MAX_LIFETIME_SECONDS = 86_400;
const TOKEN = /^[\x21-\x7e]{1,8192}$/;

interface HeldToken {
  headers: Record<string, string>;
  /** From here on it is renewed in the background while it still serves. */
  renewAtMs: number;
  /** From here on it is not used any more. */
  uselessAtMs: number;
}

/** application/x-www-form-urlencoded, as RFC 6749 section 2.3.1 wants id and secret before they go into Basic. */
function formEncode(value: string): string {
  return new URLSearchParams({ v: value }).toString().slice(2);
}

function tokenRequest(options: ClientCredentialsOptions, path: string): OutboundRequest {
  const form = new URLSearchParams({ grant_type: 'client_credentials', ...options.parameters });
  if (options.scope !== '') form.set('scope', options.scope);
  const headers: Record<string, string> = {
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'application/json',
  };
  if (options.client_authentication === 'basic') {
    const pair = `${formEncode(options.client_id)}:${formEncode(options.client_secret)}`;
    headers.authorization = `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`;
  } else {
    form.set('client_id', options.client_id);
    form.set('client_secret', options.client_secret);
  }
  return { method: 'POST', path, headers, body: form.toString() };
}

/** `expires_in` as a number or, as some servers write it, as a string; `undefined` for anything else. */
function lifetimeSeconds(stated: unknown): number | undefined {
  if (stated === undefined || stated === null) return UNSTATED_LIFETIME_SECONDS;
  const seconds = typeof stated === 'string' && /^\d{1,12}$/.test(stated) ? Number(stated) : stated;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds <= 0) return undefined;
  return Math.min(seconds, MAX_LIFETIME_SECONDS);
}

/**
 * Reads a token answer (RFC 6749 section 5.1), or says in a sentence why it is none. A token serves until 30 s before
 * its end, one shorter than a minute until half its life; it is renewed after 75 to 85 % of its life, so that
 * several processes do not ask at the same moment.
 */
function readToken(response: OutboundResponse, askedAtMs: number): HeldToken | string {
  if (response.status !== 200) return `the token endpoint answered ${response.status}`;
  const answer = readJsonObject(response);
  if (!answer) return 'the token endpoint answered something that is not a JSON object';
  const { access_token: token, token_type: type = 'Bearer', expires_in: stated } = answer;
  const seconds = lifetimeSeconds(stated);
  if (typeof token !== 'string' || !TOKEN.test(token))
    return 'the token endpoint gave no usable access_token';
  if (typeof type !== 'string' || !/^bearer(token)?$/i.test(type))
    return 'the token is not of the type Bearer';
  if (seconds === undefined) return 'the token endpoint gave a senseless expires_in';
  const lifetimeMs = seconds * 1000;
  const servesMs = Math.max(lifetimeMs - SAFETY_MS, lifetimeMs / 2);
  return {
    headers: { authorization: `Bearer ${token}` },
    renewAtMs: askedAtMs + Math.min(lifetimeMs * (0.75 + Math.random() / 10), servesMs),
    uselessAtMs: askedAtMs + servesMs,
  };
}

/** Waits for `promise`, but no longer than `timeoutMs`; then rejects with what `late` makes. */
async function within<T>(promise: Promise<T>, timeoutMs: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), timeoutMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function createFetch(options: ClientCredentialsOptions, deps: OutboundAuthDeps) {
  const url = new URL(options.token_url);
  const destination = deps.httpClient.destination(url.origin, {
    setting: `connections.${deps.connection}.auth.token_url`,
    allowInsecureHttp: deps.allowInsecureHttp,
    totalTimeoutMs: FETCH_TIMEOUT_MS,
    maxResponseBytes: 65_536,
    maxConnections: 2,
  });
  const request = tokenRequest(options, url.pathname + url.search);
  const count = (outcome: string) => deps.metrics.tokenFetches.inc({ connection: deps.connection, outcome });
  const failed = (outcome: string, reason: string) => {
    count(outcome);
    const { origin } = destination;
    deps.logger.log('warn', { event: 'outbound_token_failed', url: origin, outcome, reason });
    return new OutboundError('no_credentials', origin, reason);
  };
  const fetch = async (clock: Clock): Promise<HeldToken> => {
    const askedAtMs = clock.monotonicMs();
    let response: OutboundResponse;
    try {
      response = await deps.httpClient.request(destination, request);
    } catch (error) {
      if (!(error instanceof OutboundError)) throw error;
      throw failed(error.failure, `the token endpoint could not be asked (${error.failure})`);
    }
    const token = readToken(response, askedAtMs);
    if (typeof token === 'string') throw failed('refused', token);
    count('ok');
    return token;
  };
  return { origin: destination.origin, fetch };
}

/**
 * Our own access token by the client credentials grant (RFC 6749 section 4.4), kept until shortly before its end.
 * However many callers wait there is one fetch; it may take 30 s while each caller waits 5 s at most. For a second
 * after a failed fetch callers are refused at once.
 */
export const clientCredentials: OutboundAuthScheme<typeof optionsSchema> = {
  type: 'client_credentials',
  optionsSchema,
  headerNames: () => ['authorization'],
  create(options, deps) {
    const { clock } = deps;
    const { origin, fetch } = createFetch(options, deps);
    let held: HeldToken | undefined;
    let fetching: Promise<HeldToken> | undefined;
    let coolUntilMs = Number.NEGATIVE_INFINITY;
    let lastFailure: unknown;
    let droppedAtMs = Number.NEGATIVE_INFINITY;

    const fetchOnce = async (): Promise<HeldToken> => {
      try {
        held = await fetch(clock);
        return held;
      } catch (error) {
        coolUntilMs = clock.monotonicMs() + COOL_DOWN_MS;
        lastFailure = error;
        throw error;
      } finally {
        fetching = undefined;
      }
    };
    const startFetch = (): Promise<HeldToken> => {
      if (fetching) return fetching;
      fetching = fetchOnce();
      // Nobody may be waiting any more when it fails.
      fetching.catch(() => {});
      return fetching;
    };

    return {
      authorise({ timeoutMs }) {
        const nowMs = clock.monotonicMs();
        if (held && nowMs < held.uselessAtMs) {
          if (nowMs >= held.renewAtMs && nowMs >= coolUntilMs) void startFetch();
          return held.headers;
        }
        if (!fetching && nowMs < coolUntilMs) {
          throw lastFailure;
        }
        const waitMs = Math.min(timeoutMs, WAIT_TIMEOUT_MS);
        const late = () => new OutboundError('no_credentials', origin, 'the token endpoint is slow');
        return within(startFetch(), waitMs, late).then((token) => token.headers);
      },
      onRejected(headers) {
        if (held && headers.authorization === held.headers.authorization) {
          // A destination that refuses every token must not make us fetch one for each call.
          const nowMs = clock.monotonicMs();
          if (nowMs - droppedAtMs < COOL_DOWN_MS) return false;
          droppedAtMs = nowMs;
          held = undefined;
        }
        return true;
      },
    };
  },
};
