import { generateKeyPairSync } from 'node:crypto';
import { exportJWK, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OAuthClient } from '../../../src/clients/client.ts';
import { ASSERTION_TYPE } from '../../../src/clients/client-assertion.ts';
import { createClientAuthentication } from '../../../src/oauth/client-authentication.ts';
import { ADMIN } from '../fixture.ts';
import { ISSUER, openAuthorizationServer, refusal, type TestProvider } from './openid-fixture.ts';

let t: TestProvider;
let authenticate: ReturnType<typeof createClientAuthentication>;
beforeEach(async () => {
  t = await openAuthorizationServer();
  authenticate = createClientAuthentication({ clients: t.server.clients });
});
afterEach(() => t.close());

const secretClient = () =>
  t.register({ openid: undefined, scopes: ['whoami'], grantTypes: ['client_credentials'], redirectUris: [] });
const openClient = () =>
  t.register({ openid: undefined, scopes: ['whoami'], authentication: 'none', applicationType: 'native' });

async function assertingClient() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { clientId } = await t.register({
    openid: undefined,
    scopes: ['whoami'],
    grantTypes: ['client_credentials'],
    redirectUris: [],
    publicKeys: [await exportJWK(publicKey)],
  });
  let made = 0;
  const assertion = (claims: Record<string, unknown> = {}) => {
    const now = Math.floor(t.clock.nowMs() / 1000);
    return new SignJWT({
      iss: clientId,
      sub: clientId,
      aud: ISSUER,
      iat: now,
      exp: now + 60,
      jti: `j-${(made += 1)}`,
      ...claims,
    })
      .setProtectedHeader({ alg: 'ES256' })
      .sign(privateKey);
  };
  const asking = async (more: Record<string, string> = {}) => ({
    client_assertion_type: ASSERTION_TYPE,
    client_assertion: await assertion(),
    ...more,
  });
  return { clientId, assertion, asking };
}

type Given = Parameters<typeof authenticate>[0];
const by = (parameters: Record<string, string>, basic?: Given['basic'], admit?: Given['admit']) =>
  authenticate({ parameters, basic, admit });

describe('a client is recognised', () => {
  it('by its secret, in either place', async () => {
    const { clientId, secret } = await secretClient();
    expect(await by({}, { clientId, secret })).toMatchObject({ clientId });
    expect(await by({ client_id: clientId }, { clientId, secret })).toMatchObject({ clientId });
    expect(await by({ client_id: clientId, client_secret: secret })).toMatchObject({ clientId });
  });

  it('by an assertion that it signed, with its id or without', async () => {
    const { clientId, asking } = await assertingClient();
    expect(await by(await asking())).toMatchObject({ clientId });
    expect(await by(await asking({ client_id: clientId }))).toMatchObject({ clientId });
  });

  it('by its id alone, if it can keep no secret', async () => {
    const { clientId } = await openClient();
    expect(await by({ client_id: clientId })).toMatchObject({ clientId, authentication: 'none' });
  });

  it('and is told to who counts it, before anything is answered', async () => {
    const { clientId, secret } = await secretClient();
    const admitted: string[] = [];
    const admit = async (client: OAuthClient) => void admitted.push(client.clientId);
    await by({}, { clientId, secret }, admit);
    expect(admitted).toEqual([clientId]);
    const full = () => Promise.reject(new Error('too many'));
    await expect(by({}, { clientId, secret }, full)).rejects.toThrow('too many');
    expect(await refusal(by({}, { clientId, secret: 'cs_wrong' }, admit))).toBe('invalid_client');
    expect(admitted).toHaveLength(1);
  });
});

describe('a client is refused', () => {
  it('that authenticates in two ways at once, also when both are right', async () => {
    const { clientId, secret } = await secretClient();
    const { asking, clientId: asserting } = await assertingClient();
    const basic = { clientId, secret };
    expect(await refusal(by({ client_secret: secret }, basic))).toBe('invalid_request');
    expect(await refusal(by({ client_id: clientId, client_secret: secret }, basic))).toBe('invalid_request');
    expect(await refusal(by(await asking(), basic))).toBe('invalid_request');
    expect(await refusal(by(await asking({ client_id: asserting, client_secret: secret })))).toBe(
      'invalid_request',
    );
    expect(await refusal(by({ client_id: asserting }, basic))).toBe('invalid_request');
  });

  it('that shows nothing, or a secret without an id', async () => {
    const { clientId, secret } = await secretClient();
    expect(await refusal(by({}))).toBe('invalid_client');
    expect(await refusal(by({ client_secret: secret }))).toBe('invalid_client');
    expect(await refusal(by({ client_id: clientId }))).toBe('invalid_client');
    expect(await refusal(by({ client_id: 'cl_00000000000000000000' }))).toBe('invalid_client');
  });

  it('that asserts in another form, in another’s name, or without a signature of its own', async () => {
    const { assertion, asking, clientId } = await assertingClient();
    const other = await assertingClient();
    expect(await refusal(by(await asking({ client_assertion_type: 'saml' })))).toBe('invalid_request');
    const { client_assertion_type: _type, ...bare } = await asking();
    expect(await refusal(by(bare))).toBe('invalid_request');
    expect(await refusal(by(await asking({ client_id: other.clientId })))).toBe('invalid_client');
    const inAnothersName = await assertion({ iss: other.clientId, sub: other.clientId });
    expect(await refusal(by(await asking({ client_assertion: inAnothersName })))).toBe('invalid_client');
    expect(await refusal(by(await asking({ client_assertion: 'a.b.c', client_id: clientId })))).toBe(
      'invalid_client',
    );
    const used = await asking();
    await by(used);
    expect(await refusal(by(used))).toBe('invalid_client');
  });

  it('that proves itself otherwise than it is registered for', async () => {
    const { clientId } = await assertingClient();
    expect(await refusal(by({ client_id: clientId }))).toBe('invalid_client');
    expect(await refusal(by({ client_id: clientId, client_secret: 'x' }))).toBe('invalid_client');
    const open = await openClient();
    expect(await refusal(by({ client_id: open.clientId, client_secret: 'x' }))).toBe('invalid_client');
    expect(await refusal(by({}, { clientId: open.clientId, secret: '' }))).toBe('invalid_client');
  });

  it('in a way that this endpoint does not take', async () => {
    const { clientId, secret } = await secretClient();
    const open = await openClient();
    const strict = (parameters: Record<string, string>, basic?: Given['basic']) =>
      authenticate({ parameters, basic, admit: undefined }, ['secret', 'private_key_jwt']);
    expect(await strict({}, { clientId, secret })).toMatchObject({ clientId });
    expect(await refusal(strict({ client_id: open.clientId }))).toBe('invalid_client');
    const { asking } = await assertingClient();
    const secretsOnly = authenticate({ parameters: await asking(), basic: undefined, admit: undefined }, [
      'secret',
    ]);
    expect(await refusal(secretsOnly)).toBe('invalid_client');
  });

  it('once it was revoked, whichever way it proves itself', async () => {
    const { clientId, secret } = await secretClient();
    const open = await openClient();
    const asserting = await assertingClient();
    for (const id of [clientId, open.clientId, asserting.clientId]) await t.server.clients.revoke(id, ADMIN);
    expect(await refusal(by({}, { clientId, secret }))).toBe('invalid_client');
    expect(await refusal(by({ client_id: open.clientId }))).toBe('invalid_client');
    expect(await refusal(by(await asserting.asking()))).toBe('invalid_client');
  });
});

it('a refused request leaves a record of the client that it names, if that could be one of ours', async () => {
  const facts = { requestId: 'req-1', address: '192.0.2.9' };
  const id = 'cl_00000000000000000000';
  const ask = (parameters: Record<string, string>, basic?: Given['basic']) =>
    refusal(
      t.server.endpoints.tokenEndpoint({ parameters: { grant_type: 'x', ...parameters }, basic, ...facts }),
    );
  await ask({ client_id: id });
  await ask({}, { clientId: id, secret: 'x' });
  await ask({ client_id: `${id}0` });
  await ask({ client_id: `x${id}` });
  await ask({});
  const records = (await t.audited()).filter(({ event }) => event === 'access_token.issued');
  expect(records.map(({ details }) => details?.['claimed_client'])).toEqual([
    id,
    id,
    undefined,
    undefined,
    undefined,
  ]);
  for (const record of records)
    expect(record).toMatchObject({
      actor: 'partner',
      outcome: 'refused',
      reason: 'invalid_client',
      ...facts,
    });
});
