import { createHash, createHmac, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Finished, symbolon } from './run.ts';

const SECRET = 'example-signing-secret-0123456789abcdefghij';
const BODY = '{"fields":["plan"]}';
const URL = 'https://identity.example.com/getprofile?a=1';

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'symbolon-sign-'));
  writeFileSync(join(cwd, 'secret.txt'), `${SECRET}\n`);
  writeFileSync(join(cwd, 'body.json'), BODY);
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const run = (args: string[], input?: string) =>
  symbolon(args, { cwd, ...(input === undefined ? {} : { input }) });
const withSecret = ['--secret-file', 'secret.txt'];
const headerArgs = ({ stdout }: Finished) =>
  stdout
    .trim()
    .split('\n')
    .flatMap((line) => ['--header', line]);

describe('sign', () => {
  it('prints v1 headers that anybody can check', async () => {
    const signed = await run([
      'sign',
      '--scheme',
      'v1',
      '--key',
      'pk_live_x',
      ...withSecret,
      '--data-file',
      'body.json',
    ]);
    expect(signed).toMatchObject({ code: 0, stderr: '' });
    const headers = Object.fromEntries(
      signed.stdout
        .trim()
        .split('\n')
        .map((line) => line.split(': ')),
    );
    const key = createHash('sha256').update(SECRET).digest('hex');
    const mac = createHmac('sha256', key).update(`${headers['x-timestamp']}.${BODY}`).digest('hex');
    expect(headers).toMatchObject({ 'x-api-key': 'pk_live_x', 'x-api-signature': mac });
  });

  it('takes the secret from standard input, and never shows it', async () => {
    const { code, stdout, stderr } = await run(
      ['sign', '--scheme', 'v1', '--key', 'pk_live_x', '--json'],
      SECRET,
    );
    expect(code).toBe(0);
    expect(Object.keys(JSON.parse(stdout) as object)).toEqual([
      'x-api-key',
      'x-timestamp',
      'x-api-signature',
    ]);
    expect(stdout + stderr).not.toContain(SECRET);
  });

  it.each([
    ['v2 without an address', ['--scheme', 'v2']],
    ['a header to cover that is not there', ['--url', URL, '--cover', 'customer-auth']],
    ['two bodies', ['--url', URL, '--data', 'a', '--data-file', 'body.json']],
    ['a header that is none', ['--url', URL, '--header', 'nonsense']],
    ['an address that is none', ['--url', '/getprofile']],
    ['a private key that is none', ['--url', URL, '--private-key-file', 'secret.txt']],
  ])('is called wrongly with %s', async (_what, args) => {
    const { code, stdout, stderr } = await run(['sign', '--key', 'pk_live_x', ...withSecret, ...args]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).not.toContain(SECRET);
  });
});

describe('explain-signature', () => {
  const v2 = ['--url', URL, '--data-file', 'body.json', '--header', 'Content-Type: application/json'];

  it('finds what sign made right, in either scheme', async () => {
    const v1 = await run([
      'sign',
      '--scheme',
      'v1',
      '--key',
      'pk_live_x',
      ...withSecret,
      '--data-file',
      'body.json',
    ]);
    const first = await run([
      'explain-signature',
      ...withSecret,
      '--data-file',
      'body.json',
      ...headerArgs(v1),
    ]);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    const signed = await run(['sign', '--key', 'pk_live_x', ...withSecret, ...v2]);
    const second = await run(['explain-signature', ...withSecret, ...v2, ...headerArgs(signed)]);
    expect(second).toMatchObject({ code: 0, stderr: '' });
    expect(second.stdout).toContain('| "@query": ?a=1');
    expect(first.stdout + second.stdout).not.toContain('WRONG');
  });

  it('finds an Ed25519 signature right by the public key alone', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    writeFileSync(join(cwd, 'key.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }));
    const signed = await run(['sign', '--key', 'pk_live_x', '--private-key-file', 'key.pem', ...v2]);
    const x = publicKey.export({ format: 'jwk' }).x as string;
    expect((await run(['explain-signature', '--public-keys', x, ...v2, ...headerArgs(signed)])).code).toBe(0);
    const other = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x as string;
    expect(
      (await run(['explain-signature', '--public-keys', other, ...v2, ...headerArgs(signed)])).code,
    ).toBe(1);
  });

  it('tells a signature that is keyed with the secret itself', async () => {
    const mac = createHmac('sha256', SECRET).update(`1790000000.${BODY}`).digest('hex');
    const headers = ['--header', 'X-Timestamp: 1790000000', '--header', `X-API-Signature: ${mac}`];
    const { code, stdout } = await run([
      'explain-signature',
      ...withSecret,
      '--data-file',
      'body.json',
      '--at',
      '1790000000',
      ...headers,
    ]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/right {2}time/);
    expect(stdout).toContain('WRONG  match: It is keyed with the secret itself');
    expect(stdout).not.toContain(SECRET);
  });

  it('needs a signature to explain', async () => {
    const { code, stderr } = await run(['explain-signature', ...withSecret, '--data', BODY]);
    expect(code).toBe(2);
    expect(stderr).toContain('No signature header');
  });
});
