import type { OAuthClient } from '../clients/client.ts';
import { OPENID_SCOPE } from '../clients/openid-settings.ts';
import type { Profile, ProfileRequest } from '../customers/profile/get-profile.ts';
import { BridgeError } from '../errors.ts';
import type { CustomerIdentifier, CustomerReference } from '../identifiers/identifier.ts';
import type { Partners } from '../partners/partners.ts';
import type { FindSurvivor } from '../sessions/present-customer.ts';
import type { IdTokens } from '../tokens/id-token.ts';

/** A customer as a client of OpenID Connect may know them. */
export interface KnownSubject {
  customerId: CustomerIdentifier;
  reference: CustomerReference;
  /** Which profile fields the customer agreed to. */
  agreedTo(field: string): boolean;
}

interface CallFacts {
  requestId: string;
  address: string;
  traceparent: string;
}

export interface OpenIdAnswersDeps {
  idTokens: Pick<IdTokens, 'issue'>;
  getProfile(request: ProfileRequest): Promise<Profile>;
  partners: Partners;
  /** Default: nobody was ever merged. */
  survivorOf?: FindSurvivor;
  /** Begins a trace for calls that no request's own trace leads to. */
  newTraceparent(): string;
}

/** What an ID token is made of beside the client's registration. */
export interface IdTokenFacts extends Omit<KnownSubject, 'agreedTo'> {
  fields: readonly string[] | undefined;
  sid: string;
  authTimeMs: number;
  notAfterMs: number;
  nonce: string | undefined;
  accessToken: string;
  facts: Omit<CallFacts, 'traceparent'>;
}

/** Claims and ID tokens for clients of OpenID Connect. A claim comes from the profile field that the client's record names, and from nowhere else. */
export function createOpenIdAnswers(deps: OpenIdAnswersDeps) {
  const readClaims = async (
    client: OAuthClient,
    subject: KnownSubject,
    facts: CallFacts,
  ): Promise<Record<string, unknown>> => {
    const wanted = Object.entries(client.openid?.claims ?? {});
    const partner = deps.partners.find(client.partner);
    if (wanted.length === 0 || !partner) return {};
    const { profile } = await deps.getProfile({
      ...facts,
      partner,
      environment: 'live',
      ...(deps.survivorOf?.(subject.customerId) ?? subject),
      agreedTo: subject.agreedTo,
      wanted: [...new Set(wanted.map(([, field]) => field))],
      clientId: client.clientId,
      keyPrefix: undefined,
    });
    const known = wanted.filter(
      ([, field]) => Object.hasOwn(profile, field) && profile[field] !== null && profile[field] !== undefined,
    );
    return Object.fromEntries(known.map(([claim, field]) => [claim, profile[field]]));
  };

  return {
    /** The ID token beside an access token; `undefined` when the request was not one of OpenID Connect. */
    idToken: async (
      client: OAuthClient,
      scopes: readonly string[],
      about: IdTokenFacts,
    ): Promise<string | undefined> => {
      if (!client.openid || !scopes.includes(OPENID_SCOPE)) return undefined;
      const { fields, facts, nonce, ...subject } = about;
      const agreedTo = (field: string) => fields?.includes(field) ?? true;
      // A sign-in does not fail because a profile cannot be read: the claims stay away.
      const claims = client.openid.claimsInIdToken
        ? await readClaims(
            client,
            { ...subject, agreedTo },
            { ...facts, traceparent: deps.newTraceparent() },
          ).catch((error: unknown) => {
            if (error instanceof BridgeError) return {};
            throw error;
          })
        : {};
      return deps.idTokens.issue({
        ...subject,
        nonce,
        claims,
        clientId: client.clientId,
        acr: client.openid.acr,
      });
    },

    /** The claims of the userinfo endpoint (Core 1.0 section 5.3.2). Throws what `getProfile` throws, except that an unknown profile is an empty one. */
    userInfo: async (
      client: OAuthClient,
      subject: KnownSubject,
      facts: CallFacts,
    ): Promise<Record<string, unknown>> => {
      const claims = await readClaims(client, subject, facts).catch((error: unknown) => {
        if (error instanceof BridgeError && error.code === 'PROFILE_NOT_FOUND') return {};
        throw error;
      });
      return { ...claims, sub: subject.customerId };
    },
  };
}

export type OpenIdAnswers = ReturnType<typeof createOpenIdAnswers>;
