import { beforeEach, describe, expect, it } from 'vitest';
import type { OAuthClient } from '../../../src/clients/client.ts';
import type { ProfileRequest } from '../../../src/customers/profile/get-profile.ts';
import { BridgeError } from '../../../src/errors.ts';
import type { CustomerIdentifier, CustomerReference } from '../../../src/identifiers/identifier.ts';
import {
  createOpenIdAnswers,
  type KnownSubject,
  type OpenIdAnswersDeps,
} from '../../../src/oauth/openid-answers.ts';
import type { IdTokenRequest } from '../../../src/tokens/id-token.ts';

const client = {
  clientId: 'cl_1',
  partner: 'acme',
  openid: {
    pkce: 'required',
    claims: { email: 'mail', tier: 'plan', level: 'plan' },
    claimsInIdToken: true,
    acr: 'loa1',
  },
} as unknown as OAuthClient;
const withOpenId = (change: object) =>
  ({ ...client, openid: { ...client.openid, ...change } }) as OAuthClient;
const subject: KnownSubject = {
  customerId: `c1${'a'.repeat(32)}` as CustomerIdentifier,
  reference: '4711' as CustomerReference,
  agreedTo: (field) => field !== 'secret',
};
const facts = { requestId: 'req-1', address: '192.0.2.9', traceparent: '00-1-1-01' };

let profile: () => Promise<Record<string, unknown>>;
let asked: ProfileRequest[];
let issued: IdTokenRequest[];
beforeEach(() => {
  profile = async () => ({ mail: 'mira@example.test', plan: 'gold' });
  asked = [];
  issued = [];
});

const open = (more: Partial<OpenIdAnswersDeps> = {}) =>
  createOpenIdAnswers({
    idTokens: {
      issue: async (request) => {
        issued.push(request);
        return 'an.id.token';
      },
    },
    getProfile: async (request) => {
      asked.push(request);
      return { profile: await profile(), sources: {} } as never;
    },
    partners: { find: (id: string) => (id === 'acme' ? { id: 'acme' } : undefined) } as never,
    newTraceparent: () => '00-new-1-01',
    ...more,
  });

describe('the claims of the userinfo endpoint', () => {
  it('are what the registration names, from the fields that it names, beside the identifier', async () => {
    expect(await open().userInfo(client, subject, facts)).toEqual({
      email: 'mira@example.test',
      tier: 'gold',
      level: 'gold',
      sub: subject.customerId,
    });
    expect(asked).toMatchObject([
      {
        ...facts,
        partner: { id: 'acme' },
        environment: 'live',
        customerId: subject.customerId,
        reference: '4711',
        wanted: ['mail', 'plan'],
        clientId: 'cl_1',
        keyPrefix: undefined,
      },
    ]);
    expect(asked[0]?.agreedTo?.('secret')).toBe(false);
    expect(asked[0]?.agreedTo?.('mail')).toBe(true);
  });

  it('leave out what the profile does not have, and keep what is false or nought', async () => {
    profile = async () => ({ mail: null, plan: 0 });
    expect(await open().userInfo(client, subject, facts)).toEqual({
      tier: 0,
      level: 0,
      sub: subject.customerId,
    });
    profile = async () => ({ mail: undefined, plan: false });
    expect(await open().userInfo(client, subject, facts)).toEqual({
      tier: false,
      level: false,
      sub: subject.customerId,
    });
    profile = async () => Object.create({ mail: 'inherited' }) as Record<string, unknown>;
    expect(await open().userInfo(client, subject, facts)).toEqual({ sub: subject.customerId });
  });

  it('never say another subject than the customer', async () => {
    profile = async () => ({ mail: 'evil' });
    expect(await open().userInfo(withOpenId({ claims: { sub: 'mail' } }), subject, facts)).toEqual({
      sub: subject.customerId,
    });
  });

  it('cost no look at a profile where none are registered, or for a partner that is gone', async () => {
    const only = { sub: subject.customerId };
    expect(await open().userInfo(withOpenId({ claims: {} }), subject, facts)).toEqual(only);
    expect(await open().userInfo({ ...client, openid: undefined }, subject, facts)).toEqual(only);
    expect(
      await open().userInfo({ ...client, partner: 'gone' } as unknown as OAuthClient, subject, facts),
    ).toEqual(only);
    expect(asked).toEqual([]);
  });

  it('are none of a profile that is not known, and an outage is told as one', async () => {
    profile = () => Promise.reject(new BridgeError('PROFILE_NOT_FOUND'));
    expect(await open().userInfo(client, subject, facts)).toEqual({ sub: subject.customerId });
    profile = () => Promise.reject(new BridgeError('BACKEND_UNAVAILABLE'));
    await expect(open().userInfo(client, subject, facts)).rejects.toBeInstanceOf(BridgeError);
    profile = () => Promise.reject(new TypeError('a defect'));
    await expect(open().userInfo(client, subject, facts)).rejects.toThrow('a defect');
  });

  it('are those of the survivor where the customer was merged, under the identifier that the app knows', async () => {
    const survivor = {
      customerId: `c1${'b'.repeat(32)}` as CustomerIdentifier,
      reference: '4712' as CustomerReference,
    };
    const merged = open({
      survivorOf: (id) => (id === subject.customerId ? (survivor as never) : undefined),
    });
    expect(await merged.userInfo(client, subject, facts)).toMatchObject({ sub: subject.customerId });
    expect(asked[0]).toMatchObject(survivor);
    await merged.userInfo(
      client,
      { ...subject, customerId: `c1${'c'.repeat(32)}` as CustomerIdentifier },
      facts,
    );
    expect(asked[1]).toMatchObject({ reference: '4711' });
  });
});

describe('an ID token beside an access token', () => {
  const about = {
    customerId: subject.customerId,
    reference: subject.reference,
    fields: ['mail'] as readonly string[] | undefined,
    sid: 's-1',
    authTimeMs: 1_000,
    notAfterMs: 2_000,
    nonce: 'n-1',
    accessToken: 'at',
    facts: { requestId: 'req-1', address: '192.0.2.9' },
  };

  it('says who signed in, when, for whom, and what the registration adds', async () => {
    expect(await open().idToken(client, ['openid'], about)).toBe('an.id.token');
    expect(issued).toMatchObject([
      {
        clientId: 'cl_1',
        customerId: subject.customerId,
        sid: 's-1',
        authTimeMs: 1_000,
        notAfterMs: 2_000,
        nonce: 'n-1',
        accessToken: 'at',
        acr: 'loa1',
        claims: { email: 'mira@example.test', tier: 'gold', level: 'gold' },
      },
    ]);
    expect(asked[0]).toMatchObject({ requestId: 'req-1', address: '192.0.2.9', traceparent: '00-new-1-01' });
    expect([asked[0]?.agreedTo?.('mail'), asked[0]?.agreedTo?.('plan')]).toEqual([true, false]);
  });

  it('holds what the profile has where nobody was asked which fields', async () => {
    await open().idToken(client, ['openid'], { ...about, fields: undefined });
    expect(asked[0]?.agreedTo?.('plan')).toBe(true);
  });

  it('is none without the scope or the registration of OpenID Connect', async () => {
    expect(await open().idToken(client, ['whoami'], about)).toBeUndefined();
    expect(await open().idToken({ ...client, openid: undefined }, ['openid'], about)).toBeUndefined();
    expect(issued).toEqual([]);
  });

  it('holds no claims, and looks at no profile, where the registration keeps them to userinfo', async () => {
    await open().idToken(withOpenId({ claimsInIdToken: false }), ['openid'], about);
    expect(issued[0]?.claims).toEqual({});
    expect(asked).toEqual([]);
  });

  it('is given although the profile cannot be read, and not over a defect of ours', async () => {
    profile = () => Promise.reject(new BridgeError('PROFILE_NOT_FOUND'));
    expect(await open().idToken(client, ['openid'], about)).toBe('an.id.token');
    expect(issued[0]?.claims).toEqual({});
    profile = () => Promise.reject(new TypeError('a defect'));
    await expect(open().idToken(client, ['openid'], about)).rejects.toThrow('a defect');
  });
});
