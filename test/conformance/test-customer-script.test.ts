import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { ConfigInput } from '../../src/config/config.ts';
import { startService, type TestService } from '../support/service.ts';

const manual = readFileSync(resolve(import.meta.dirname, '../../docs/test-customers.md'), 'utf8');

/** The blocks of the page in a language, without their indentation. */
function blocks(language: string): string[] {
  return [...manual.matchAll(new RegExp(`^( *)\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\``, 'gm'))].map(
    (match) => (match[2] as string).replaceAll(new RegExp(`^${match[1] as string}`, 'gm'), ''),
  );
}
const [makePassword = '', trial = ''] = blocks('sh');
/** What the page types, and what it says is answered. */
const [, command = '', answer = ''] = /^\$ ([\s\S]*?[^\\])\n(\{.*)$/m.exec(trial) ?? [];

async function shell(script: string, env: Record<string, string> = {}): Promise<string> {
  const options = { env: { PATH: process.env['PATH'] ?? '', ...env }, timeout: 20_000 };
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], options);
  return stdout;
}

/** A partner's script, as the page on test customers gives it, against a running service set up as the page says. */
describe('a chat vendor that fetches tokens by script', () => {
  let t: TestService;
  let password: string;

  beforeAll(async () => {
    password = (await shell(`${makePassword}\nprintf %s "$ASAPP_TEST_1"`)).trim();
    const text = (blocks('yaml')[0] as string).replaceAll('${ASAPP_TEST_1}', JSON.stringify(password));
    const { authenticators } = parse(text) as Required<Pick<ConfigInput, 'authenticators'>>;
    const own = authenticators.map((one) =>
      one.type === 'test_customers' ? { ...one, addresses: [...(one.addresses ?? []), '127.0.0.1'] } : one,
    );
    t = await startService({
      settings: (settings) => ({
        ...settings,
        authenticators: own,
        channels: [
          ...(settings.channels ?? []),
          { id: 'asapp-web', group: 'north', delivery: 'cookie', allowed_origins: ['https://shop.test'] },
        ],
      }),
    });
  });
  afterAll(() => t.dispose());

  const fetchToken = async (): Promise<Record<string, string>> => {
    const script = command.replaceAll('https://id.example.com', t.url);
    return JSON.parse(await shell(script, { ASAPP_TEST_1: password })) as Record<string, string>;
  };
  const getProfile = async (JWT: string) =>
    t.api
      .post('/getprofile')
      .set(await t.asappStyle())
      .set('customer-auth', `JWT ${JWT}`);

  it('gets one with the command of the page, in the form that the page shows', async () => {
    expect(command).toContain('curl');
    const got = await fetchToken();
    expect(Object.keys(got)).toEqual(Object.keys(JSON.parse(answer) as object));
    expect(Object.values(got).map((value) => typeof value)).toEqual(['string', 'string', 'string', 'string']);
    expect(got).toMatchObject({ expires_in: '900', customer_id: expect.stringMatching(/^t1/) as string });
    expect(decodeJwt(got['JWT'] as string)).toMatchObject({ test: true, aud: 'asapp-web' });
  });

  it('gets the fixed profile with it, and a new one when the old has expired, without a person', async () => {
    const { JWT: first = '', customer_id: id = '' } = await fetchToken();
    expect((await getProfile(first)).body).toMatchObject({
      customer_id: id,
      profile: { plan: 'gold' },
      test: true,
    });
    t.clock.advance(1_000_000);
    const late = await getProfile(first);
    expect([late.status, late.body.error.code]).toEqual([401, 'CUSTOMER_TOKEN_EXPIRED']);
    const { JWT: second = '', customer_id: same } = await fetchToken();
    expect(same).toBe(id);
    expect((await getProfile(second)).status).toBe(200);
  });

  it('gets none with another password, nor after the last day', async () => {
    const script = command.replaceAll('https://id.example.com', t.url);
    const refused = JSON.parse(await shell(script, { ASAPP_TEST_1: 'wrong' })) as { error: { code: string } };
    expect(refused.error.code).toBe('INVALID_CREDENTIALS');
    t.clock.advance(Date.UTC(2030, 3, 1, 12) - t.clock.nowMs());
    expect(await fetchToken()).toMatchObject({ error: { code: 'INVALID_CREDENTIALS' } });
  });
});
