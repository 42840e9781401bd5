import { z } from 'zod';
import { urlSetting } from '../platform/settings.ts';
import { createGrantKeeper, type GrantKeeper, grantAdvice, type KeptGrant } from './grant-keeper.ts';
import { type OutboundAuthScheme, type OutboundAuthDeps, OutboundError } from './outbound-types.ts';
import {
  createTokenEndpoint,
  fleetOf,
  type TimedTokenAnswer,
  type TokenEndpoint,
  TokenRefused,
} from './token-endpoint.ts';
import { createTokenHolder } from './token-holder.ts';
import { tokenClientSettings, tokenRequest } from './token-request.ts';
import type { GrantedToken } from './token-share.ts';

const TAKEN = new Set([
  'response_type',
  'client_id',
  'redirect_uri',
  'scope',
  'state',
  'code_challenge',
  'code_challenge_method',
]);

const optionsSchema = z
  .strictObject({
    type: z.literal('authorization_code'),
    /** Address that a person opens in a browser, once, to let us in. */
    authorization_url: urlSetting,
    /** Further parameters of that address. */
    authorization_parameters: z
      .record(z.string().min(1), z.string())
      .default({})
      .refine((extra) => !Object.keys(extra).some((name) => TAKEN.has(name)), {
        message: 'must not repeat what the address holds anyway, such as client_id, scope or state',
      }),
    ...tokenClientSettings,
  })
  .refine(({ client_authentication: how, client_secret: secret }) => how !== 'tls' || secret === undefined, {
    path: ['client_secret'],
    message: 'is not used when client_authentication is tls',
  });

type AuthorizationCodeOptions = z.infer<typeof optionsSchema>;

function keptOf(answer: TimedTokenAnswer, before: KeptGrant | undefined): KeptGrant {
  const { token, lifetimeSeconds, askedAtMs } = answer;
  return {
    token,
    grantedAtMs: askedAtMs,
    endsAtMs: askedAtMs + lifetimeSeconds * 1_000,
    // RFC 6749 section 6: a new one replaces the old one, none leaves it in force.
    refreshToken: answer.refreshToken ?? before?.refreshToken,
    dead: false,
  };
}

/** Uses the refresh token, and keeps what comes back before anybody gets it. */
async function refresh(
  options: AuthorizationCodeOptions,
  endpoint: TokenEndpoint,
  keeper: GrantKeeper,
): Promise<GrantedToken> {
  const { grant, version } = await keeper.load();
  const name = keeper.connection;
  if (!grant || grant.dead || grant.refreshToken === undefined) {
    throw new OutboundError('no_credentials', endpoint.origin, grantAdvice(name, grant ? 'dead' : 'missing'));
  }
  const request = tokenRequest(options, endpoint.path, {
    grant_type: 'refresh_token',
    refresh_token: grant.refreshToken,
  });
  try {
    const next = keptOf(await endpoint.ask(request), grant);
    return await keeper.keep(next, version);
  } catch (error) {
    if (!(error instanceof TokenRefused) || error.tokenError !== 'invalid_grant') throw error;
    // Another process may have used the refresh token up a moment ago: then its grant is the newer one.
    const kept = await keeper.keep({ ...grant, dead: true }, version);
    if (!kept.dead) return kept;
    throw new OutboundError('no_credentials', endpoint.origin, grantAdvice(name, 'dead'));
  }
}

function connectorOf(options: AuthorizationCodeOptions, endpoint: TokenEndpoint, keeper: GrantKeeper) {
  return {
    addressFor: ({
      redirectUri,
      state,
      challenge,
    }: {
      redirectUri: string;
      state: string;
      challenge: string;
    }) => {
      const url = new URL(options.authorization_url);
      const parameters = {
        ...options.authorization_parameters,
        response_type: 'code',
        client_id: options.client_id,
        redirect_uri: redirectUri,
        ...(options.scope === '' ? {} : { scope: options.scope }),
        state,
        code_challenge: challenge,
        code_challenge_method: 'S256',
      };
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
      return url.href;
    },
    finish: async ({
      code,
      redirectUri,
      verifier,
    }: {
      code: string;
      redirectUri: string;
      verifier: string;
    }) => {
      const answer = await endpoint.ask(
        tokenRequest(options, endpoint.path, {
          grant_type: 'authorization_code',
          code,
          redirect_uri: redirectUri,
          code_verifier: verifier,
        }),
      );
      await keeper.replace(keptOf(answer, undefined));
    },
  };
}

function openKeeper(origin: string, deps: OutboundAuthDeps): GrantKeeper {
  const { grants, vault, connection, clock, logger } = deps;
  return createGrantKeeper({ store: grants, vault, connection, clock, logger, origin });
}

/**
 * A token of a person at the other side who let us in once, in a browser (RFC 6749 section 4.1 with PKCE), renewed by its
 * refresh token. Both are kept sealed in the database; the refresh token is replaced or kept as each answer says.
 */
export const authorizationCode: OutboundAuthScheme<typeof optionsSchema> = {
  type: 'authorization_code',
  optionsSchema,
  headerNames: () => ['authorization'],
  create(options, deps) {
    const endpoint = createTokenEndpoint(options.token_url, deps);
    const keeper = openKeeper(endpoint.origin, deps);
    const livingGrant = async () => {
      const { grant } = await keeper.load();
      return grant?.dead ? undefined : grant;
    };
    const holder = createTokenHolder({
      clock: deps.clock,
      origin: endpoint.origin,
      onSame: endpoint.onSame,
      fetch: async (serves) => {
        const grant = await livingGrant();
        return grant && serves(grant) ? grant : refresh(options, endpoint, keeper);
      },
      fleet: fleetOf(deps, endpoint.origin, {
        names: [options.token_url, options.client_id, options.scope],
        readKept: livingGrant,
      }),
    });
    const connector = connectorOf(options, endpoint, keeper);
    return {
      ...holder,
      connector: {
        addressFor: connector.addressFor,
        state: async () => {
          await keeper.load();
          return keeper.state();
        },
        finish: async (answer) => {
          await connector.finish(answer);
          holder.forget();
        },
      },
      status: () => ({ ...holder.status(), grant: keeper.state() }),
    };
  },
};
