import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clients, createClients } from '../../../src/clients/clients.ts';
import { OAuthError } from '../../../src/errors.ts';
import { createClientAuthentication } from '../../../src/oauth/client-authentication.ts';
import { createClientCredentialsGrant } from '../../../src/oauth/grants/client-credentials.ts';
import { createTokenEndpoint, type TokenEndpoint } from '../../../src/oauth/token-endpoint.ts';
import { type AccessTokens, createAccessTokens } from '../../../src/tokens/access-token.ts';
import { ADMIN, ISSUER, openRooms, type Rooms } from '../fixture.ts';

let rooms: Rooms;
let clients: Clients;
let accessTokens: AccessTokens;
let endpoint: TokenEndpoint;
let clientId: string;
let secret: string;

beforeEach(async () => {
  rooms = await openRooms();
  await rooms.addPartner('acme');
  const { stores, keyring, clock, audit, partners, revocations, rings, metrics } = rooms;
  clients = createClients({
    store: stores.clients,
    keyring,
    clock,
    audit,
    partners,
    revocations,
    assertions: { accepts: async () => false },
    usage: { note: () => {} },
    loopbackForAll: false,
    maxTokenLifetimeSeconds: 3_600,
  });
  accessTokens = createAccessTokens({
    rings,
    keyring,
    clock,
    metrics,
    issuer: ISSUER,
    lifetimeSeconds: 600,
    clockToleranceSeconds: 5,
  });
  endpoint = createTokenEndpoint({
    authenticateClient: createClientAuthentication({ clients }),
    grants: new Map([['client_credentials', createClientCredentialsGrant({ accessTokens })]]),
    audit,
    issuer: ISSUER,
  });
  const settings = {
    partner: 'acme',
    label: 'chat',
    scopes: ['profile:read', 'whoami'],
    grantTypes: ['client_credentials'],
  };
  const made = await clients.create(settings, ADMIN);
  clientId = made.client.clientId;
  secret = made.secret as string;
});
afterEach(() => rooms.close());

const GRANT = { grant_type: 'client_credentials' };
type Basic = { clientId: string; secret: string };

const ask = (parameters: Record<string, string>, basic?: Basic) =>
  endpoint({ parameters, basic, requestId: 'req-1', address: '192.0.2.9' });

async function refusal(parameters: Record<string, string>, basic?: Basic): Promise<string> {
  const error = await ask(parameters, basic).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(OAuthError);
  // It stands in the audit log, so nobody above has to write it down again.
  expect((error as OAuthError).recorded).toBe(true);
  return (error as OAuthError).code;
}

const inBody = () => ({ client_id: clientId, client_secret: secret });
const own = () => ({ clientId, secret });

describe('a client gets a token', () => {
  it('by Basic or by the body, with all of its scopes when it asks for none', async () => {
    for (const answer of [await ask(GRANT, own()), await ask({ ...GRANT, ...inBody() })]) {
      expect(answer.scopes).toEqual(['profile:read', 'whoami']);
      expect(accessTokens.verify(answer.issued.token)).toMatchObject({
        ok: true,
        token: { clientId, partner: 'acme', scopes: new Set(['profile:read', 'whoami']) },
      });
    }
  });

  it('with the same client id in the body beside Basic', async () => {
    expect((await ask({ ...GRANT, client_id: clientId }, own())).client.clientId).toBe(clientId);
  });

  it('with just the scopes it asks for, each once', async () => {
    const { scopes, issued } = await ask({ ...GRANT, scope: 'whoami whoami' }, own());
    expect(scopes).toEqual(['whoami']);
    expect(accessTokens.verify(issued.token)).toMatchObject({ token: { scopes: new Set(['whoami']) } });
  });

  it('when parameters stand there without a value', async () => {
    expect((await ask({ ...GRANT, scope: '', client_id: '', client_secret: '' }, own())).scopes).toHaveLength(
      2,
    );
  });

  it('whatever parameters it does not know are sent along', async () => {
    const { client } = await ask({ ...GRANT, __proto__: 'x', constructor: 'x', unknown: 'x' }, own());
    expect(client.clientId).toBe(clientId);
  });
});

describe('a request is refused', () => {
  it('as invalid_client, whichever part is wrong', async () => {
    const other = await clients.create(
      { partner: 'acme', label: 'b', scopes: [], grantTypes: ['client_credentials'] },
      ADMIN,
    );
    expect(await refusal(GRANT)).toBe('invalid_client');
    expect(await refusal({ ...GRANT, client_id: clientId })).toBe('invalid_client');
    expect(await refusal({ ...GRANT, client_secret: secret })).toBe('invalid_client');
    expect(await refusal(GRANT, { clientId, secret: 'cs_wrong' })).toBe('invalid_client');
    expect(await refusal(GRANT, { clientId: 'cl_00000000000000000000', secret })).toBe('invalid_client');
    expect(await refusal(GRANT, { clientId, secret: other.secret as string })).toBe('invalid_client');
    expect(await refusal(GRANT, { clientId, secret: '' })).toBe('invalid_client');
  });

  it('as invalid_client once the client was revoked', async () => {
    await ask(GRANT, own());
    await clients.revoke(clientId, ADMIN);
    expect(await refusal(GRANT, own())).toBe('invalid_client');
  });

  it('as invalid_request when it authenticates in two ways or without a grant', async () => {
    expect(await refusal({ ...GRANT, client_secret: secret }, own())).toBe('invalid_request');
    expect(await refusal({ ...GRANT, client_id: 'cl_11111111111111111111' }, own())).toBe('invalid_request');
    expect(await refusal({}, own())).toBe('invalid_request');
    expect(await refusal({ grant_type: '' }, own())).toBe('invalid_request');
  });

  it.each(['password', 'implicit', 'CLIENT_CREDENTIALS', 'client_credentials ', '__proto__', 'toString'])(
    'for the grant type %s, which is none here',
    async (type) => {
      expect(await refusal({ grant_type: type }, own())).toBe('unsupported_grant_type');
    },
  );

  it('for a grant that this client may not use', async () => {
    const none = await rooms.stores.clients.find(clientId as never);
    const restricted = createTokenEndpoint({
      authenticateClient: async () => ({ ...(none as NonNullable<typeof none>), grantTypes: [] }),
      grants: new Map([['client_credentials', createClientCredentialsGrant({ accessTokens })]]),
      audit: rooms.audit,
      issuer: ISSUER,
    });
    await expect(
      restricted({ parameters: GRANT, basic: own(), requestId: 'req-1', address: '192.0.2.9' }),
    ).rejects.toMatchObject({ code: 'unauthorized_client' });
  });

  it.each([
    'admin',
    'profile:read admin',
    ' whoami',
    'whoami ',
    'profile:read  whoami',
    'profile:read,whoami',
    '"',
    'WHOAMI',
  ])('for the scope %j, which goes beyond what the client has or is malformed', async (scope) => {
    expect(await refusal({ ...GRANT, scope }, own())).toBe('invalid_scope');
  });

  it.each(['resource', 'audience'])('for a token that another %s would take', async (name) => {
    expect(await refusal({ ...GRANT, [name]: 'https://other.example' }, own())).toBe('invalid_target');
    expect((await ask({ ...GRANT, [name]: ISSUER }, own())).client.clientId).toBe(clientId);
  });

  it('before anything about grants is told to a stranger', async () => {
    const stranger = { clientId, secret: 'cs_wrong' };
    expect(await refusal({ grant_type: 'password' }, stranger)).toBe('invalid_client');
    expect(await refusal({ ...GRANT, scope: 'admin' }, stranger)).toBe('invalid_client');
  });
});

describe('the audit log', () => {
  it('tells who got a token and why others got none, without their secrets', async () => {
    await ask(GRANT, own());
    await refusal(GRANT, { clientId: 'canary-client', secret: 'canary-secret' });
    await refusal({ ...GRANT, scope: 'canary-scope' }, own());
    const records = (await rooms.audited()).filter(({ event }) => event === 'access_token.issued');
    expect(records.map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ['success', undefined],
      ['refused', 'invalid_client'],
      ['refused', 'invalid_scope'],
    ]);
    expect(records[0]).toMatchObject({ partner: 'acme', clientId, requestId: 'req-1', address: '192.0.2.9' });
    expect(JSON.stringify([records, rooms.lines])).not.toContain('canary');
  });
});
