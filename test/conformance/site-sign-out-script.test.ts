import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { freeLoopbackService, type TestService } from '../support/service-on-loopback.ts';

const manual = readFileSync(resolve(import.meta.dirname, '../../docs/site-session.md'), 'utf8');
const section = /\n## Sign-out\n([\s\S]*?)\n## /.exec(manual)?.[1] ?? '';
const block = (language: string): string =>
  new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(section)?.[1] ?? '';
const SECRET = 'b7Kq2vXw9ZpL4mTn8RsYc3Hd';

describe('the signed call that the page on site sessions gives', () => {
  let t: TestService;
  beforeAll(async () => {
    t = await freeLoopbackService((settings) => ({
      ...settings,
      ...(parse(block('yaml').replace('${SIGN_OUT_SECRET}', SECRET)) as object),
      authenticators: [{ name: 'directory', type: 'directory', reference_space: 'customers' }],
    }));
  });
  afterAll(() => t.dispose());

  const call = async (secret: string): Promise<string> => {
    const script = block('sh')
      .replaceAll('https://id.example.com', t.url)
      .replace('curl ', "curl -s -o /dev/null -w '%{http_code}' ");
    const env = { PATH: process.env['PATH'] ?? '', SIGN_OUT_SECRET: secret };
    return (await promisify(execFile)('sh', ['-eu', '-c', script], { env, timeout: 20_000 })).stdout;
  };

  it('ends the sessions of the customer it names, and nothing under another secret', async () => {
    const cookie = await t.signInWithCookie();
    expect(await call('Q1w2E3r4T5y6U7i8O9p0Asdf')).toBe('401');
    await t.api.get('/customer_session').set({ cookie }).expect(200);
    expect(await call(SECRET)).toBe('204');
    await t.api.get('/customer_session').set({ cookie }).expect(401);
  });
});
