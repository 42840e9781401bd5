import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PASSWORD, startService, type TestService } from '../support/service.ts';
import { IMPOSSIBLE_NAMES, LOOKALIKES } from '../support/user-names.ts';

const MAX_FAILURES = 100;

/** JSON with every character as an escape, so that half of a character can be sent. */
const escaped = (text: string) =>
  `"${Array.from({ length: text.length }, (_one, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`;

describe('a user name in any Unicode form', () => {
  let t: TestService;
  beforeAll(async () => {
    t = await startService({
      settings: (all) => ({ ...all, sign_in: { max_failures_per_account: MAX_FAILURES } }),
    });
  });
  afterAll(() => t.dispose());

  const post = (type: string, body: string) =>
    new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
      const headers = { 'content-type': type, 'content-length': Buffer.byteLength(body) };
      const sent = request(`${t.url}/customer_authenticate`, { method: 'POST', headers }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode, body: text }));
      });
      sent.on('error', reject);
      sent.end(body);
    });
  const asJson = (username: string) =>
    post('application/json', `{"username":${escaped(username)},"password":"${PASSWORD}","channel":"ios"}`);

  it('that only looks like another is answered as an unknown one, as JSON and as a form', async () => {
    const answers: Record<string, unknown> = {};
    const expected: Record<string, unknown> = {};
    for (const [form, username] of [...LOOKALIKES, ...IMPOSSIBLE_NAMES]) {
      const { status, body } = await asJson(username);
      const fields = new URLSearchParams({ username, password: PASSWORD, channel: 'ios' }).toString();
      const asForm = await post('application/x-www-form-urlencoded', fields);
      const { error } = JSON.parse(body) as { error: { code: string } };
      answers[form] = [status, error.code, asForm.status];
      expected[form] = [401, 'INVALID_CREDENTIALS', 401];
    }
    expect(answers).toEqual(expected);
  });

  it('of bytes that are not UTF-8 is nobody’s', async () => {
    const form = `username=mira%ff%c0%80&password=${encodeURIComponent(PASSWORD)}&channel=ios`;
    expect([400, 401]).toContain((await post('application/x-www-form-urlencoded', form)).status);
  });
});

describe('guesses under other spellings of a name', () => {
  /** Those that some directory takes for the same name. */
  const SAME = [
    'ＭＩＲＡ',
    '𝐦𝐢𝐫𝐚',
    'ⓜⓘⓡⓐ',
    'mi\u200bra',
    'mira\u200d',
    'mi\u00adra',
    '\ufeffmira',
    '\u200fmira',
    'mira\u00a0',
    'mira\0',
    'mira\n',
    'mira\u{e0061}',
    ' Mira ',
  ];

  it('count as guesses at that name, whatever the form, and leave other names alone', async () => {
    await using t = await startService({
      settings: (all) => ({ ...all, sign_in: { max_failures_per_account: SAME.length } }),
    });
    const attempt = (username: string, password: string) =>
      t.api.post('/customer_authenticate').send({ username, password, channel: 'ios' });
    for (const username of SAME) await attempt(username, 'guess').expect(401);
    await attempt('mira', PASSWORD).expect(429);
    await attempt('noor', PASSWORD).expect(200);
    // Another name to every directory, so its guesses are its own.
    await attempt('mіra', 'guess').expect(401);
  });
});
