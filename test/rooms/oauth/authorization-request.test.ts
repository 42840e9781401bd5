import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OAuthClient } from '../../../src/clients/client.ts';
import {
  type AuthorizationRequestsDeps,
  authorizationResponse,
  createReadAuthorizationRequest,
} from '../../../src/oauth/authorization-request.ts';
import { createChannels } from '../../../src/channels/channel.ts';
import type { CustomerIdentifier } from '../../../src/identifiers/identifier.ts';
import type { Partner } from '../../../src/partners/partner.ts';
import { pkce } from '../../support/oauth-app.ts';
import { ADMIN } from '../fixture.ts';
import { ISSUER, openAuthorizationServer, type TestProvider, VENDOR_PAGE } from './openid-fixture.ts';

let t: TestProvider;
beforeEach(async () => {
  t = await openAuthorizationServer();
});
afterEach(() => t.close());

const OPENID = { pkce: 'required', claims: {}, claimsInIdToken: false, acr: undefined } as const;
const PROFILE = { openid: undefined, scopes: ['profile:read', 'whoami'], party: 'third' } as const;

async function app(
  settings: Parameters<TestProvider['register']>[0] = { ...PROFILE, scopes: ['profile:read', 'whoami'] },
) {
  const { clientId } = await t.register(settings);
  const { challenge } = pkce();
  return {
    client_id: clientId,
    redirect_uri: VENDOR_PAGE,
    response_type: 'code',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    state: 'as it came',
  };
}

/** A reader of its own, with what a test wants otherwise. */
const readerWith = (changes: Partial<AuthorizationRequestsDeps>) =>
  createReadAuthorizationRequest({
    clients: t.server.clients,
    partners: t.partners,
    channels: createChannels([t.channel], 'web'),
    idTokens: t.server.endpoints.idTokens,
    identities: { subjectOf: async () => undefined },
    issuer: ISSUER,
    ...changes,
  });

const read = (parameters: Record<string, string>) => t.server.endpoints.readAuthorization(parameters);

/** What the app is told at its own address. */
async function told(parameters: Record<string, string>) {
  const found = await read(parameters);
  if (found.outcome !== 'refused') throw new Error(found.outcome);
  const { origin, pathname, searchParams } = new URL(found.redirectTo);
  expect(`${origin}${pathname}`).toBe(VENDOR_PAGE);
  expect(searchParams.get('error')).toBe(found.error);
  expect(searchParams.get('iss')).toBe(ISSUER);
  return Object.fromEntries(searchParams);
}

async function valid(parameters: Record<string, string>) {
  const found = await read(parameters);
  if (found.outcome !== 'valid') throw new Error(JSON.stringify(found));
  return found.request;
}

describe('an authorization request', () => {
  it('that is right is read whole, and its state stays as it came', async () => {
    const asked = await app();
    const request = await valid({ ...asked, scope: 'whoami', unknown: 'x' });
    expect(request).toMatchObject({
      client: { clientId: asked.client_id },
      partner: { id: 'vendor' },
      redirectUri: VENDOR_PAGE,
      state: 'as it came',
      scopes: ['whoami'],
      challenge: asked.code_challenge,
      openid: undefined,
      parameters: { ...asked, scope: 'whoami', unknown: 'x' },
    });
    expect(request.channels.map(({ id }) => id)).toEqual(['web', 'ios']);
    expect((await valid(asked)).scopes).toEqual(['profile:read', 'whoami']);
  });

  it('may say what holds anyway', async () => {
    const asked = await app();
    const harmless: Record<string, string>[] = [
      { response_mode: 'query' },
      { resource: ISSUER },
      { state: '' },
      { request: '' },
    ];
    for (const more of harmless) expect((await read({ ...asked, ...more })).outcome).toBe('valid');
  });

  it.each<[string, Record<string, string | undefined>]>([
    ['of nobody', { client_id: undefined }],
    ['of an unknown app', { client_id: 'cl_00000000000000000000' }],
    ['without an address', { redirect_uri: undefined }],
    ['with an address that is not registered', { redirect_uri: 'https://evil.test/' }],
    ['with an address that is nearly registered', { redirect_uri: `${VENDOR_PAGE}/` }],
  ])('%s is never redirected, whatever else is wrong with it', async (_what, change) => {
    const asked = { ...(await app()), response_type: 'token', ...change };
    const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
    expect(await read(given as Record<string, string>)).toEqual({
      outcome: 'untrusted',
      message: expect.stringMatching(/\w+ \w+/) as string,
    });
  });

  it('of an app whose partner is disabled or that was revoked is never redirected', async () => {
    const asked = await app();
    await t.partners.update('vendor', { disabled: true }, ADMIN);
    expect((await read(asked)).outcome).toBe('untrusted');
    await t.partners.update('vendor', { disabled: false }, ADMIN);
    expect((await read(asked)).outcome).toBe('valid');
    await t.server.clients.revoke(asked.client_id, ADMIN);
    expect((await read(asked)).outcome).toBe('untrusted');
  });

  it.each<[string, Record<string, string>, string]>([
    ['a request object', { request: 'x' }, 'request_not_supported'],
    ['a request by reference', { request_uri: 'https://app.test/r' }, 'request_uri_not_supported'],
    ['no response type', { response_type: '' }, 'invalid_request'],
    ['the implicit flow', { response_type: 'token' }, 'unsupported_response_type'],
    ['the hybrid flow', { response_type: 'code id_token' }, 'unsupported_response_type'],
    ['an answer in the fragment', { response_mode: 'fragment' }, 'invalid_request'],
    ['no challenge', { code_challenge: '' }, 'invalid_request'],
    ['a challenge in clear', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['a challenge of no method', { code_challenge_method: '' }, 'invalid_request'],
    ['a short challenge', { code_challenge: 'x'.repeat(42) }, 'invalid_request'],
    ['a long challenge', { code_challenge: 'x'.repeat(44) }, 'invalid_request'],
    [
      'a nonce in the place of a challenge',
      { code_challenge: '', code_challenge_method: '', nonce: 'n' },
      'invalid_request',
    ],
    ['a scope beyond its own', { scope: 'admin' }, 'invalid_scope'],
    ['a token for somebody else', { resource: 'https://other.test' }, 'invalid_target'],
    ['a channel of another partner', { channel: 'other' }, 'invalid_request'],
    ['a channel that is none', { channel: 'fax' }, 'invalid_request'],
  ])('for %s is refused at the app’s own address', async (_what, change, error) => {
    expect(await told({ ...(await app()), ...change })).toEqual({
      error,
      error_description: expect.stringMatching(/\S/) as string,
      state: 'as it came',
      iss: ISSUER,
    });
  });

  it('of an app that may not use the grant is refused', async () => {
    const asked = await app();
    const client = (await t.server.clients.usable(asked.client_id)) as OAuthClient;
    const reader = readerWith({
      clients: { ...t.server.clients, usable: async () => ({ ...client, grantTypes: ['refresh_token'] }) },
    });
    expect(await reader(asked)).toMatchObject({ outcome: 'refused', error: 'unauthorized_client' });
  });

  it('of a partner without a channel is refused as our own lack', async () => {
    await t.partners.create(
      'lonely',
      { name: 'Lonely', channelGroups: ['nowhere'], visibleFields: [], tier: 'production' },
      ADMIN,
    );
    const asked = await app({ ...PROFILE, scopes: ['whoami'], partner: 'lonely' });
    expect((await told(asked)).error).toBe('server_error');
  });

  it('may choose among the channels of its partner', async () => {
    const { channels } = await valid({ ...(await app()), channel: 'ios' });
    expect(channels.map(({ id }) => id)).toEqual(['ios']);
  });
});

describe('a request of OpenID Connect', () => {
  it('is one by its scope, and only of a client that is registered for it', async () => {
    const asked = await app({ openid: OPENID, scopes: ['whoami'] });
    const request = await valid({ ...asked, scope: 'openid profile whoami', nonce: 'n', max_age: '5' });
    expect(request.scopes).toEqual(['openid', 'whoami']);
    expect(request.openid).toEqual({
      nonce: 'n',
      prompt: undefined,
      maxAgeSeconds: 5,
      expectedCustomerId: undefined,
    });
    expect((await valid({ ...asked, scope: 'whoami', max_age: 'x' })).openid).toBeUndefined();
    expect((await told({ ...asked, scope: 'openid', prompt: 'dance' })).error).toBe('invalid_request');
    expect((await told({ ...(await app()), scope: 'openid' })).error).toBe('invalid_scope');
  });

  it('with an id_token_hint expects that customer, at the channels that know them by that identifier', async () => {
    const asked = { ...(await app({ openid: OPENID })), scope: 'openid' };
    const second = { ...t.channel, id: 'second', group: 'second' } as typeof t.channel;
    const partner = t.partners.find('vendor') as Partner;
    const channelsOf = async (group: string | undefined) => {
      const reader = readerWith({
        partners: { ...t.partners, find: () => ({ ...partner, channelGroups: ['vendor', 'second'] }) },
        channels: createChannels([t.channel, second], 'web'),
        idTokens: { subjectOf: async (hint, clientId) => `${hint} of ${clientId}` as CustomerIdentifier },
        identities: { subjectOf: async () => (group === undefined ? undefined : ({ group } as never)) },
      });
      const found = await reader({ ...asked, id_token_hint: 'hint' });
      if (found.outcome !== 'valid') throw new Error(found.outcome);
      expect(found.request.openid?.expectedCustomerId).toBe(`hint of ${asked.client_id}`);
      return found.request.channels.map(({ id }) => id);
    };
    expect(await channelsOf('second')).toEqual(['second']);
    expect(await channelsOf('vendor')).toEqual(['web']);
    expect(await channelsOf('foreign')).toEqual(['web', 'second']);
    expect(await channelsOf(undefined)).toEqual(['web', 'second']);
  });

  it('is refused with an id_token_hint that is none of ours, which means nothing without the scope', async () => {
    const asked = { ...(await app({ openid: OPENID, scopes: ['whoami'] })), id_token_hint: 'junk' };
    expect((await told({ ...asked, scope: 'openid' })).error).toBe('invalid_request');
    expect((await valid({ ...asked, scope: 'whoami' })).openid).toBeUndefined();
    expect((await valid({ ...(await app()), id_token_hint: 'junk' })).openid).toBeUndefined();
    const empty = await valid({ ...asked, scope: 'openid', id_token_hint: '' });
    expect(empty.openid?.expectedCustomerId).toBeUndefined();
  });

  it('goes without a challenge from a vendor that cannot, if it brings a nonce', async () => {
    const {
      code_challenge: _challenge,
      code_challenge_method: method,
      ...asked
    } = await app({
      openid: { ...OPENID, pkce: 'vendor' },
    });
    expect((await valid({ ...asked, nonce: 'n' })).challenge).toBeUndefined();
    expect((await told(asked)).error).toBe('invalid_request');
    expect((await told({ ...asked, nonce: 'n', code_challenge_method: method })).error).toBe(
      'invalid_request',
    );
    const { challenge } = pkce();
    const bound = await valid({ ...asked, code_challenge: challenge, code_challenge_method: 'S256' });
    expect(bound.challenge).toBe(challenge);
  });
});

describe('an answer at the app’s address', () => {
  const at = (redirectUri: string, state?: string) =>
    authorizationResponse({ redirectUri, state, issuer: ISSUER }, { code: 'a b&c' });

  it('always names who answers, and gives back the state it was given', () => {
    expect(at('https://app.test/cb')).toBe('https://app.test/cb?code=a+b%26c&iss=https%3A%2F%2Fid.test');
    expect(new URL(at('https://app.test/cb', 's&x=1')).searchParams.get('state')).toBe('s&x=1');
    expect(new URL(at('https://app.test/cb', '')).searchParams.get('state')).toBe('');
  });

  it('leaves the query of the address as it is', () => {
    expect(at('https://app.test/cb?tenant=1')).toMatch(/^https:\/\/app\.test\/cb\?tenant=1&code=/);
    expect(at('com.example.app:/cb')).toMatch(/^com\.example\.app:\/cb\?code=/);
  });
});
