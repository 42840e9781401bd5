import { hash } from 'node:crypto';
import { lengthPrefixed } from '../platform/encoding.ts';
import {
  OutboundError,
  type OutboundAuthDeps,
  type OutboundRequest,
  type OutboundResponse,
} from './outbound-types.ts';
import { statedPauseMs } from './retry.ts';
import { readTokenAnswer, type TokenAnswer, tokenErrorCode } from './token-answer.ts';
import { TOKEN_FETCH_TIMEOUT_MS } from './token-holder.ts';
import { createFleetTokens, type FleetTokens, type FleetTokensDeps } from './fleet-tokens.ts';

/** An answer, and the moment before it was asked for: a life that is stated counts from there. */
export interface TimedTokenAnswer extends TokenAnswer {
  askedAtMs: number;
}

export interface TokenEndpoint {
  readonly origin: string;
  /** Path and query for requests. */
  readonly path: string;
  /** One request. Throws `OutboundError('no_credentials')`, a `TokenRefused` where the endpoint answered. */
  ask(request: OutboundRequest): Promise<TimedTokenAnswer>;
  onSame(): void;
}

/** The endpoint answered with an error code of RFC 6749 section 5.2. */
export class TokenRefused extends OutboundError {
  readonly tokenError: string | undefined;

  constructor(origin: string, detail: string, options: { tokenError?: string; retryAfterMs?: number }) {
    super('no_credentials', origin, detail, options.retryAfterMs);
    this.tokenError = options.tokenError;
  }
}

/** The token endpoint of one connection: its own destination, with a deadline of 30 s. */
export function createTokenEndpoint(tokenUrl: string, deps: OutboundAuthDeps): TokenEndpoint {
  const url = new URL(tokenUrl);
  const { clock, connection } = deps;
  const destination = deps.httpClient.destination(url.origin, {
    setting: `connections.${connection}.auth.token_url`,
    name: `${connection}/token`,
    allowInsecureHttp: deps.allowInsecureHttp,
    tls: deps.tls,
    totalTimeoutMs: TOKEN_FETCH_TIMEOUT_MS,
    maxResponseBytes: 65_536,
    maxConnections: 2,
  });
  const { origin } = destination;
  const count = (outcome: string) => deps.metrics.tokenFetches.inc({ connection, outcome });
  const failed = (outcome: string, error: OutboundError) => {
    count(outcome);
    deps.logger.log('warn', { event: 'outbound_token_failed', url: origin, outcome, reason: error.detail });
    return error;
  };
  const refusal = (response: OutboundResponse, reason: string) => {
    const tokenError = tokenErrorCode(response);
    const retryAfterMs = statedPauseMs(response, clock.nowMs(), undefined);
    const detail = tokenError === undefined ? reason : `${reason} (${tokenError})`;
    return new TokenRefused(origin, detail, {
      ...(tokenError === undefined ? {} : { tokenError }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  };
  return {
    origin,
    path: url.pathname + url.search,
    onSame: () => count('same'),
    async ask(request) {
      const askedAtMs = clock.nowMs();
      let response: OutboundResponse;
      try {
        response = await deps.httpClient.request(destination, request);
      } catch (error) {
        if (!(error instanceof OutboundError)) throw error;
        const reason = `the token endpoint could not be asked (${error.failure})`;
        throw failed(error.failure, new OutboundError('no_credentials', origin, reason, error.retryAfterMs));
      }
      const answer = readTokenAnswer(response, clock.nowMs());
      if (typeof answer === 'string') throw failed('refused', refusal(response, answer));
      count('ok');
      return { ...answer, askedAtMs };
    },
  };
}

/** Shares the tokens of this scheme with the other processes, where there are any. `names`: what makes it this token. */
export function fleetOf(
  deps: OutboundAuthDeps,
  origin: string,
  { names, readKept }: { names: readonly string[]; readKept?: FleetTokensDeps['readKept'] },
): FleetTokens | undefined {
  const { tokenShare: share, vault, clock } = deps;
  if (!share || !vault) return undefined;
  const digest = hash('sha256', lengthPrefixed(names), 'base64url');
  return createFleetTokens({ share, vault, clock, origin, readKept, key: `${deps.connection}:${digest}` });
}
