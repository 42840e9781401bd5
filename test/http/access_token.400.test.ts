import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rawRequest } from '../support/raw-request.ts';
import { startService, type TestService } from '../support/service.ts';

let t: TestService;
/** A client with the scope profile:read alone. */
let narrow: { clientId: string; clientSecret: string };
beforeAll(async () => {
  t = await startService();
  const { body } = await t.admin
    .post('/admin/clients')
    .send({ partner: 'north', scopes: ['profile:read'] })
    .expect(201);
  narrow = { clientId: body.client_id, clientSecret: body.client_secret };
});
afterAll(() => t.dispose());

const asItIs = (body: unknown) => body as string;
const grant = 'grant_type=client_credentials';

describe.each(['/access_token', '/oauth/token'])('%s refuses', (path) => {
  const basic = () => t.api.post(path).auth(narrow.clientId, narrow.clientSecret).serialize(asItIs);
  const form = (text: string) => basic().set('content-type', 'application/x-www-form-urlencoded').send(text);
  const json = (text: string) => basic().set('content-type', 'application/json').send(text);

  it.each([
    ['no grant type', '', 'invalid_request'],
    ['an empty grant type', 'grant_type=', 'invalid_request'],
    ['the password grant', 'grant_type=password&username=mira&password=x', 'unsupported_grant_type'],
    ['the implicit grant', 'grant_type=implicit', 'unsupported_grant_type'],
    ['an unknown grant', 'grant_type=xyzzy', 'unsupported_grant_type'],
    ['a grant on the prototype', 'grant_type=constructor', 'unsupported_grant_type'],
    ['a grant in another case', 'grant_type=CLIENT_CREDENTIALS', 'unsupported_grant_type'],
    ['a repeated grant type', `${grant}&${grant}`, 'invalid_request'],
    ['a byte order mark', `\uFEFFscope=whoami&${grant}`, 'invalid_request'],
    ['a repeated scope', `${grant}&scope=profile:read&scope=whoami`, 'invalid_request'],
    ['a repeat of what it does not know', `${grant}&x=1&x=2`, 'invalid_request'],
    ['a bracketed parameter', `${grant}&scope[]=profile:read`, 'invalid_request'],
    ['a broken percent escape', `${grant}&scope=%zz`, 'invalid_request'],
    ['invalid UTF-8 behind percent signs', `${grant}&scope=%ff`, 'invalid_request'],
    ['a scope that the client does not have', `${grant}&scope=whoami`, 'invalid_scope'],
    ['one such scope among others', `${grant}&scope=profile:read+whoami`, 'invalid_scope'],
    ['a scope that there is not', `${grant}&scope=admin`, 'invalid_scope'],
    ['a scope on the prototype', `${grant}&scope=__proto__`, 'invalid_scope'],
    ['a scope with quotes', `${grant}&scope=%22profile:read%22`, 'invalid_scope'],
    ['scopes with two spaces between', `${grant}&scope=profile:read++profile:read`, 'invalid_scope'],
    ['a scope with a line break', `${grant}&scope=profile:read%0d%0ax:y`, 'invalid_scope'],
  ])('%s', async (_what, text, code) => {
    const { body, text: answer } = await form(text).expect(400);
    expect(body.error).toBe(code);
    // RFC 6749 section 5.2: printable ASCII without quotes and backslashes; and nothing comes back.
    expect(body.error_description).toMatch(/^[\x20-\x21\x23-\x5B\x5D-\x7E]+$/);
    expect(answer).not.toMatch(/xyzzy|whoami|mira|admin/);
  });

  it.each([
    ['an array', '[]'],
    ['a string', '"grant_type"'],
    ['a number as grant type', '{"grant_type":1}'],
    ['a list as grant type', '{"grant_type":["client_credentials"]}'],
    ['a repeated member', '{"grant_type":"client_credentials","grant_type":"password"}'],
    ['null as scope', '{"grant_type":"client_credentials","scope":null}'],
    ['a cut body', '{"grant_type":'],
    ['a grant type on the prototype alone', '{"__proto__":{"grant_type":"client_credentials"}}'],
  ])('JSON: %s', async (_what, text) => {
    expect((await json(text).expect(400)).body.error).toBe('invalid_request');
  });

  it('two ways to authenticate at once, also when both are right', async () => {
    const { clientId, clientSecret } = narrow;
    for (const more of [
      `client_id=${clientId}&client_secret=${clientSecret}`,
      `client_secret=${clientSecret}`,
      `client_id=${t.south.clientId}`,
    ]) {
      expect((await form(`${grant}&${more}`).expect(400)).body.error).toBe('invalid_request');
    }
  });

  it('a secret in the address', async () => {
    const { clientId, clientSecret } = t.north;
    const call = t.api.post(`${path}?client_id=${clientId}&client_secret=${clientSecret}`).type('form');
    expect((await call.send(grant).expect(400)).body.error).toBe('invalid_request');
  });

  it('a repeated Authorization header', async () => {
    const basicText = Buffer.from(`${t.north.clientId}:${t.north.clientSecret}`).toString('base64');
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ${basicText}\r\n`;
    const rest = `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${grant.length}\r\n\r\n${grant}`;
    expect((await rawRequest(t.url, head + rest)).status).toBe(200);
    const { status, text } = await rawRequest(t.url, `${head}Authorization: Basic eDp5\r\n${rest}`);
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ error: 'invalid_request' });
  });

  it('a grant that the client may not use', async () => {
    const { body } = await basic()
      .set('content-type', 'application/json')
      .send('{"grant_type":"x"}')
      .expect(400);
    expect(body.error).toBe('unsupported_grant_type');
  });

  it('other types with 415 and large bodies with 413, in the words of RFC 6749', async () => {
    const call = () => basic();
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded; charset=latin1',
      'application/xml',
    ]) {
      expect((await call().set('content-type', type).send(grant).expect(415)).body.error).toBe(
        'invalid_request',
      );
    }
    const zipped = call()
      .set('content-type', 'application/x-www-form-urlencoded')
      .set('content-encoding', 'gzip');
    expect((await zipped.send(gzipSync(grant) as never).expect(415)).body.error).toBe('invalid_request');
    expect((await form(`${grant}&x=${'y'.repeat(65_536)}`).expect(413)).body.error).toBe('invalid_request');
    expect((await form(`${grant}&x=${'y'.repeat(10_000_000)}`).expect(413)).body.error).toBe(
      'invalid_request',
    );
  });
});

it('/access_token refuses grant_type in two places, /oauth/token looks into the body alone', async () => {
  const call = (path: string) =>
    t.api.post(`${path}?${grant}`).auth(t.north.clientId, t.north.clientSecret).type('form');
  expect((await call('/access_token').send(grant).expect(400)).body.error).toBe('invalid_request');
  expect((await call('/oauth/token').send('').expect(400)).body.error).toBe('invalid_request');
  const twice = t.api.post(`/access_token?${grant}&${grant}`).auth(t.north.clientId, t.north.clientSecret);
  expect((await twice.expect(400)).body.error).toBe('invalid_request');
});
