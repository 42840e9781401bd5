import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DemoState } from '../../demo/demo-state.ts';
import { welcome } from '../../demo/terminal.ts';
import { findProgram } from '../support/child-server.ts';
import { ADMIN_TOKEN, PASSWORD } from '../support/service.ts';
import { freeLoopbackService, type TestService } from '../support/service-on-loopback.ts';

const lacking = ['curl', 'openssl'].filter((name) => !findProgram(name));
const skipped = lacking.length > 0 ? ` (skipped: ${lacking.join(' and ')} not installed)` : '';

/** Every value of these answers is a string. */
type Strings = Record<string, string>;

let t: TestService;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'symbolon-curl-'));
  t = await freeLoopbackService((settings) => ({ ...settings, default_channel: 'ios' }));
});
afterAll(async () => {
  await t.dispose();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a script as a shell does, with what it needs in variables; gives what it printed, and throws when it failed. */
async function shell(script: string, variables: Strings = {}): Promise<string> {
  const child = spawn('sh', ['-eu', '-c', script], {
    cwd: folder,
    timeout: 30_000,
    env: { PATH: process.env['PATH'], HOME: folder, BRIDGE: t.url, ...variables },
  });
  const ended = once(child, 'close');
  const printed = Promise.all([text(child.stdout), text(child.stderr)]);
  const [status] = await ended;
  const [out, err] = await printed;
  if (status !== 0) throw new Error(`the script ended with ${String(status)}: ${err}`);
  return out;
}

const answerOf = async (script: string, variables?: Strings) =>
  JSON.parse(await shell(script, variables)) as Strings;

const customerToken = () => t.signIn('ios');

describe.skipIf(skipped !== '')(`curl${skipped}`, () => {
  it('makes the three calls as ASAPP prints them', async () => {
    const customer = await answerOf(
      `curl -sS -X POST "$BRIDGE/auth/customer_authenticate" \\
        -H 'cache-control: no-cache' \\
        -d "username=$USERNAME&password=$PASSWORD"`,
      { USERNAME: 'mira', PASSWORD },
    );
    expect(customer).toMatchObject({
      issued_at: expect.stringMatching(/^\d{13}$/),
      JWT: expect.stringMatching(/^eyJ/),
      expires_in: '900',
    });
    const access = await answerOf(
      `curl -sS -X POST "$BRIDGE/oauth/access_token?grant_type=client_credentials" \\
        -H 'cache-control: no-cache' \\
        -H 'content-type: application/x-www-form-urlencoded' \\
        -d "client_id=$CLIENT_ID&client_secret=$CLIENT_SECRET"`,
      { CLIENT_ID: t.north.clientId, CLIENT_SECRET: t.north.clientSecret },
    );
    expect(access).toEqual({
      token_type: 'Bearer',
      issued_at: expect.stringMatching(/^\d{13}$/),
      client_id: t.north.clientId,
      access_token: expect.stringMatching(/^eyJ/),
      scope: expect.any(String),
      expires_in: '600',
    });
    const profile = await answerOf(
      `curl -sS -X POST "$BRIDGE/account/getprofile" \\
        -H "Authorization: Bearer $ACCESS_TOKEN" \\
        -H "customer-auth: JWT $JWT" \\
        -H 'content-type: application/json' \\
        -H "api-key: $API_KEY"`,
      {
        ACCESS_TOKEN: access['access_token'] as string,
        JWT: customer['JWT'] as string,
        API_KEY: t.north.key.publicId,
      },
    );
    expect(profile).toMatchObject({ customer_id: customer['customer_id'], profile: { plan: 'gold' } });
  });

  it('works as the demo prints it in the terminal', async () => {
    const user = { username: 'terminal', password: 'no-blank-in-it', reference: '4799' };
    await t.admin.post('/admin/directories/directory/users').send(user).expect(201);
    const state: DemoState = {
      public_url: t.url,
      admin_url: t.adminUrl,
      ops_url: t.opsUrl,
      shop_url: 'http://127.0.0.1:1',
      vendor_url: 'http://127.0.0.1:1',
      admin_token: ADMIN_TOKEN,
      customers: [user],
      vendor_clients: [],
      platform_keys: [],
      clients: [
        {
          partner: 'north',
          client_id: t.north.clientId,
          client_secret: t.north.clientSecret,
          scopes: ['profile:read', 'whoami'],
        },
      ],
      api_keys: [
        {
          partner: 'north',
          id: t.north.key.publicId,
          secret: t.north.key.secret,
          use: 'bearer',
          signature: 'none',
          scopes: ['profile:read', 'whoami'],
          label: 'plain',
        },
      ],
      channels: [{ id: 'ios', partner: 'north', delivery: 'token' }],
      default_channel: 'ios',
      backends: [{ name: 'crm', url: t.crm.url }],
      fields_by_partner: { north: ['plan'] },
    };
    const page = welcome(state, { colour: false, stateFile: 'demo.json', moved: [] });
    const commands = /by hand:\n([\s\S]+)\nPasswords and keys/.exec(page)?.[1] ?? '';
    const [customer = '', access = '', profile = ''] = (await shell(commands)).trim().split('\n');
    const { customer_id } = JSON.parse(customer) as Strings;
    expect(JSON.parse(access)).toMatchObject({ token_type: 'Bearer', client_id: t.north.clientId });
    expect(JSON.parse(profile)).toMatchObject({ customer_id, profile: { plan: 'gold' } });
  });

  it('proves itself by Basic or in the body, at either token endpoint', async () => {
    const secret = { CLIENT_ID: t.north.clientId, CLIENT_SECRET: t.north.clientSecret };
    for (const path of ['/access_token', '/oauth/token']) {
      const basic = `curl -sS -u "$CLIENT_ID:$CLIENT_SECRET" "$BRIDGE${path}" -d grant_type=client_credentials`;
      const body = `curl -sS "$BRIDGE${path}" -d grant_type=client_credentials \\
        -d "client_id=$CLIENT_ID" -d "client_secret=$CLIENT_SECRET"`;
      for (const script of [basic, body]) {
        expect(await answerOf(script, secret)).toMatchObject({ token_type: 'Bearer' });
      }
    }
  });

  it('signs in with a cookie and is recognised by it', async () => {
    const script = `curl -sS "$BRIDGE/customer_authenticate" -o signed-in.json -D headers.txt \\
        -d channel=web -d delivery=cookie -d username=mira --data-urlencode "password=$PASSWORD"
      cookie=$(sed -n 's/^[Ss]et-[Cc]ookie: \\([^;]*\\);.*/\\1/p' headers.txt)
      curl -sS "$BRIDGE/customer_session" -H "Cookie: $cookie"`;
    expect(await answerOf(script, { PASSWORD })).toMatchObject({
      customer_id: (await customerToken()).customer_id,
    });
  });
});

describe.skipIf(skipped !== '')(`curl and openssl${skipped}`, () => {
  const SIGNED = `timestamp=$(date +%s)
    key=$(printf %s "$KEY_SECRET" | openssl dgst -sha256 -r | cut -d ' ' -f 1)
    signature=$(printf %s.%s "$timestamp" "$BODY" | openssl dgst -sha256 -hmac "$key" -r | cut -d ' ' -f 1)
    send() {
      curl -sS -X POST "$BRIDGE/getprofile" -H "X-API-Key: $KEY_ID" -H "customer-auth: JWT $JWT" \\
        -H "X-Timestamp: $timestamp" -H "X-API-Signature: $signature" \\
        -H 'content-type: application/json' --data-binary "$1"; echo
    }
    send "$BODY "; send "$BODY"; send "$BODY"`;

  it('sign a request whose body nobody can change and nobody can send again', async () => {
    const key = await t.createKey(t.north, { use: 'signing', signature: 'v1' });
    const { JWT, customer_id } = await customerToken();
    const printed = await shell(SIGNED, {
      KEY_ID: key.publicId,
      KEY_SECRET: key.secret,
      JWT,
      BODY: '{"fields":["plan"]}',
    });
    const [changed, sent, again] = printed
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(changed).toMatchObject({ error: { code: 'INVALID_SIGNATURE' } });
    expect(sent).toMatchObject({ customer_id, profile: { plan: 'gold' } });
    expect(again).toMatchObject({ error: { code: 'SIGNATURE_REPLAYED' } });
  });

  it('prove a client by an assertion (RFC 7523) and no secret', async () => {
    const modulus = await shell(
      `openssl genrsa -out client.pem 2048 2>/dev/null; openssl rsa -in client.pem -noout -modulus`,
    );
    const n = Buffer.from(modulus.trim().replace('Modulus=', ''), 'hex').toString('base64url');
    const { body } = await t.admin
      .post('/admin/clients')
      .send({ partner: 'north', jwks: { keys: [{ kty: 'RSA', n, e: 'AQAB' }] } })
      .expect(201);
    const { client_id } = body as Strings;
    const script = `base64url() { openssl base64 -A | tr +/ -_ | tr -d =; }
      now=$(date +%s)
      claims='{"iss":"%s","sub":"%s","aud":"%s","iat":%s,"exp":%s,"jti":"%s"}'
      head=$(printf '{"alg":"RS256"}' | base64url)
      part=$(printf "$claims" "$CLIENT_ID" "$CLIENT_ID" "$BRIDGE" "$now" "$((now + 60))" \\
        "$(openssl rand -hex 16)" | base64url)
      signature=$(printf %s "$head.$part" | openssl dgst -sha256 -sign client.pem -binary | base64url)
      curl -sS "$BRIDGE/oauth/token" -d grant_type=client_credentials \\
        -d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer \\
        -d "client_assertion=$head.$part.$signature"`;
    expect(await answerOf(script, { CLIENT_ID: client_id as string })).toMatchObject({
      token_type: 'Bearer',
      expires_in: 600,
    });
  });
});
