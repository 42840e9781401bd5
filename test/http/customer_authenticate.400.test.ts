import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PASSWORD, startService, type TestService } from '../support/service.ts';

let t: TestService;
beforeAll(async () => {
  t = await startService();
});
afterAll(() => t.dispose());

const path = '/customer_authenticate';
const asItIs = (body: unknown) => body as string;
const form = (text: string | Buffer, type = 'application/x-www-form-urlencoded') =>
  t.api.post(path).set('content-type', type).serialize(asItIs).send(text);
const json = (text: string) => form(text, 'application/json');
const secret = encodeURIComponent(PASSWORD);

async function expectRefused(call: ReturnType<typeof form>, code = 'INVALID_REQUEST') {
  const { body, text } = await call.expect(400);
  expect(body.error.code).toBe(code);
  // Nothing of what was sent comes back.
  expect(text).not.toMatch(/mira|correct horse|xyzzy/);
}

it('a sign-in with nothing in the body is told that the channel takes no session of a site', async () => {
  const { body } = await form('channel=ios').expect(400);
  expect(body.error.message).toContain('This channel has no site_session authenticator');
});

it('a sign-in without a body is one with an empty body', async () => {
  const none = await fetch(`${t.url}${path}`, { method: 'POST' });
  expect(none.status).toBe(400);
  expect(await none.json()).toMatchObject({ error: { message: expect.stringContaining('no proof') } });
  const { body } = await json('').expect(400);
  expect(body.error.message).toContain('no proof');
});

it('a grant that does not go with a password is refused by its name', async () => {
  for (const grant of ['password', 'client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange']) {
    const { body } = await form(`grant_type=${grant}&username=mira&password=${secret}`).expect(400);
    expect(body.error.details.member).toBe('grant_type');
  }
});

it.each(['channel=south', 'delivery=cookie', 'device_name=x', 'grant_type=password'])(
  'a member in the address is refused instead of overlooked: %s',
  async (query) => {
    const call = t.api
      .post(`${path}?${query}`)
      .send({ username: 'mira', password: PASSWORD, channel: 'ios' });
    const { body } = await call.expect(400);
    expect(body.error.details.member).toBe(query.split('=')[0]);
  },
);

describe('a sign-in that is not well-formed is refused without an echo', () => {
  it.each([
    ['no body', ''],
    ['no password', 'username=mira'],
    ['an empty password', 'username=mira&password='],
    ['an empty name', `username=&password=${secret}`],
    ['a name of 256 characters', `username=${'m'.repeat(256)}&password=${secret}`],
    ['a password of 1,025 bytes', `username=mira&password=${'p'.repeat(1025)}`],
    ['a password of 1,025 bytes in fewer characters', `username=mira&password=${'%C3%BC'.repeat(513)}`],
    ['a NUL in the password', 'username=mira&password=a%00b'],
    ['a byte order mark', `\uFEFFchannel=south&username=mira&password=${secret}`],
    ['an escaped byte order mark', `%EF%BB%BFchannel=south&username=mira&password=${secret}`],
    ['a repeated name', `username=mira&username=xyzzy&password=${secret}`],
    ['a repeated name in two spellings', `username=mira&%75sername=xyzzy&password=${secret}`],
    ['a bracketed name', `username[]=mira&password=${secret}`],
    ['a nested name', `username[a]=mira&password=${secret}`],
    ['a bracket in disguise', `username%5B%5D=mira&password=${secret}`],
    ['a broken percent escape', 'username=mira&password=%zz'],
    ['a cut percent escape', 'username=mira&password=%e'],
    ['invalid UTF-8 behind percent signs', 'username=mira&password=%ff%fe'],
    [
      '51 parameters',
      `username=mira&password=${secret}${'&a=1'.repeat(1)}${Array.from({ length: 49 }, (_, i) => `&x${i}=1`).join('')}`,
    ],
    ['an unknown delivery', `username=mira&password=${secret}&delivery=mail`],
    [
      'a delivery that the channel does not allow',
      `username=mira&password=${secret}&channel=app&delivery=cookie`,
    ],
  ])('form: %s', async (_what, text) => {
    await expectRefused(form(text));
  });

  it.each([
    ['an array', '["mira"]'],
    ['a string', '"mira"'],
    ['null', 'null'],
    ['a number as name', `{"username":4711,"password":"${PASSWORD}"}`],
    ['a list as name', `{"username":["mira"],"password":"${PASSWORD}"}`],
    ['an object as password', '{"username":"mira","password":{"$ne":""}}'],
    ['true as password', '{"username":"mira","password":true}'],
    ['a repeated member', `{"username":"mira","password":"${PASSWORD}","username":"xyzzy"}`],
    [
      'a repeated member in two spellings',
      `{"username":"mira","password":"${PASSWORD}","\\u0075sername":"xyzzy"}`,
    ],
    ['a cut body', '{"username":"mira"'],
    ['text after the object', `{"username":"mira","password":"${PASSWORD}"} xyzzy`],
    ['a byte order mark', `\uFEFF{"username":"mira","password":"${PASSWORD}"}`],
    ['names on the prototype alone', '{"__proto__":{"username":"mira","password":"xyzzy"}}'],
    ['thousands of nested lists', `{"username":${'['.repeat(7_000)}${']'.repeat(7_000)},"password":"x"}`],
    [
      'thousands of nested objects',
      `{"username":${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)},"password":"x"}`,
    ],
  ])('JSON: %s', async (_what, text) => {
    await expectRefused(json(text));
  });

  it('invalid UTF-8 in the bytes of a form and of JSON', async () => {
    const bad = Buffer.from([0xff, 0xfe]);
    await expectRefused(form(Buffer.concat([Buffer.from('username=mira&password='), bad])));
    await expectRefused(
      t.api
        .post(path)
        .set('content-type', 'application/json')
        .serialize(asItIs)
        .send(Buffer.concat([Buffer.from('{"username":"mira","password":"'), bad, Buffer.from('"}')])),
    );
  });

  it('names the wrong member but not its value', async () => {
    const { body } = await json('{"username":"mira","password":5}').expect(400);
    expect(body.error.details).toEqual({ member: 'password', expected: 'string' });
  });
});

describe('what else is a bad request', () => {
  it('a channel that there is not', async () => {
    await expectRefused(form(`username=mira&password=${secret}&channel=xyzzy`), 'UNKNOWN_CHANNEL');
    await expectRefused(form(`username=mira&password=${secret}&channel=__proto__`), 'UNKNOWN_CHANNEL');
  });

  it.each(['username=mira', `password=${secret}`, 'refresh_token=x', 'subject_token=x', 'client_secret=x'])(
    'credentials in the address, even beside right ones in the body: %s',
    async (query) => {
      const call = t.api.post(`${path}?${query}`).type('form');
      await expectRefused(call.send({ username: 'mira', password: PASSWORD, channel: 'ios' }));
    },
  );

  it('a query that is not well-formed', async () => {
    const body = { username: 'mira', password: PASSWORD, channel: 'ios' };
    for (const query of ['a=%zz', 'a=1&a=2', 'a[]=1'])
      await expectRefused(t.api.post(`${path}?${query}`).send(body));
  });
});
