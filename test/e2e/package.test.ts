/** The package as another program gets it: laid out as npm would, compiled against its types, run against a stand-in. */
import { execFile, execFileSync } from 'node:child_process';
import {
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { checkPackage, Package } from '@arethetypeswrong/core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { asappCredentials, startAsapp } from '../partners/asapp.ts';
import { createTestClock } from '../support/clock.ts';
import { configure, serve } from './serve-process.ts';

const root = resolve(import.meta.dirname, '../..');
const tsc = join(root, 'node_modules/typescript/bin/tsc');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  name: string;
  version: string;
  files: string[];
  dependencies: Record<string, string>;
};

const PROGRAM = `
import { authenticateConversation, BridgeError, callPartner, openPartnerApi, PartnerRefusal, StartRefused } from 'symbolon';
import { z } from 'zod';

const [, , baseUrl = '', id = '', secret = ''] = process.argv;
const lines: string[] = [];
await using asapp = openPartnerApi(
  'asapp',
  {
    preset: 'asapp',
    base_url: baseUrl,
    auth: [
      { type: 'api_key', header: 'asapp-api-id', value: id },
      { type: 'api_key', header: 'asapp-api-secret', value: secret },
    ],
  },
  { log: (line) => lines.push(line) },
);

const message = {
  method: 'POST',
  path: '/conversation/v1/conversations/01ABC/messages',
  body: { text: 'Hello', sender: { role: 'customer', externalId: 'c1abc' } },
  lane: 'messages',
} as const;
const sent = await callPartner(asapp, message, z.object({ id: z.string() }));
const text: string = sent.id;
// @ts-expect-error The schema says that it is a text.
const count: number = sent.id;

// Whatever reads like a schema is one.
const anything = { safeParse: (value: unknown) => ({ success: true as const, data: value }) };
const unread: unknown = await callPartner(asapp, { ...message, lane: 'other' }, anything).catch((error: unknown) =>
  error instanceof PartnerRefusal ? error.status : error,
);

await authenticateConversation(asapp, { conversationId: '01ABC', customerId: 'c1abc', token: 'customer-token' });
const refused = await authenticateConversation(asapp, { conversationId: '../x', customerId: 'c1', token: 't' }).catch(
  (error: unknown) => (error instanceof BridgeError ? error.code : error),
);

let wrong = '';
try {
  // @ts-expect-error There is no preset of this name.
  openPartnerApi('other', { preset: 'nobody', auth: [] });
} catch (error) {
  if (error instanceof StartRefused) wrong = error.message;
}
console.log(JSON.stringify({ text, count, unread, refused, wrong, circuit: asapp.status().destination.circuit, lines }));
`;

let folder: string;
let consumer: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'symbolon-package-'));
  const built = join(folder, 'built');
  for (const project of ['tsconfig.build.json', 'tsconfig.types.json']) {
    execFileSync(process.execPath, [tsc, '-p', project, '--outDir', join(built, 'dist')], { cwd: root });
  }
  execFileSync(process.execPath, ['scripts/bundle-libraries.mjs', join(built, 'dist')], { cwd: root });
  consumer = join(folder, 'consumer');
  const home = join(consumer, 'node_modules', manifest.name);
  mkdirSync(home, { recursive: true });
  cpSync(join(root, 'package.json'), join(home, 'package.json'));
  if (manifest.files.includes('bin')) cpSync(join(root, 'bin'), join(home, 'bin'), { recursive: true });
  if (manifest.files.includes('dist')) cpSync(join(built, 'dist'), join(home, 'dist'), { recursive: true });
  // What npm would install beside it, and nothing that only we have.
  for (const name of [...Object.keys(manifest.dependencies), '@types/node']) {
    const place = join(consumer, 'node_modules', name);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), place);
  }
  writeFileSync(join(consumer, 'package.json'), '{"type":"module"}');
  writeFileSync(join(consumer, 'main.ts'), PROGRAM);
  const page = readFileSync(join(root, 'docs/partner-apis.md'), 'utf8');
  const example = /```ts\n(import [\s\S]*?)```/.exec(page)?.[1] ?? '';
  const given = 'declare const customerId: string, token: string, body: object;';
  writeFileSync(join(consumer, 'example.ts'), `${given}\n${example}\nsent.id satisfies string;\n`);
  const compilerOptions = {
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable'],
    module: 'nodenext',
    strict: true,
    types: ['node'],
  };
  writeFileSync(
    join(consumer, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: ['main.ts', 'example.ts'] }),
  );
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = promisify(execFile);

describe('the program of the package', () => {
  it('serves, signs customers in and ends when told, with the libraries that were joined into it', async () => {
    const place = mkdtempSync(join(folder, 'service-'));
    configure(place, {});
    const program = join(consumer, 'node_modules', manifest.name, 'bin/symbolon.mjs');
    const service = await serve(place, program);
    onTestFinished(async () => void (await service.end('SIGKILL')));
    const credentials = { username: 'pat', password: 'a long enough pass phrase' };
    await service.admin('POST', '/admin/directories/directory/users', { ...credentials, reference: '4711' });
    const signedIn = await fetch(`${service.url}/customer_authenticate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(credentials),
    });
    expect(signedIn.status).toBe(200);
    expect(await signedIn.json()).toMatchObject({ customer_id: expect.any(String) });
    expect(await (await fetch(`${service.opsUrl}/metrics`)).text()).toContain('symbolon_');
    expect((await service.end('SIGTERM')).code).toBe(0);
  });

  it('has joined them for all of its code, and has the licence of each', () => {
    const home = join(consumer, 'node_modules', manifest.name, 'dist');
    const joined = globSync('*.js', { cwd: join(home, 'libraries') }).map((file) => file.slice(0, -3));
    expect(joined).toEqual(expect.arrayContaining(['kysely', 'zod', 'yaml', 'jose', 'prom-client']));
    const code = globSync('{src,demo}/**/*.js', { cwd: home }).map((file) =>
      readFileSync(join(home, file), 'utf8'),
    );
    for (const name of joined)
      expect(code.filter((text) => text.includes(` from '${name.replace('.', '/')}'`))).toEqual([]);
    const licences = globSync('*', { cwd: join(home, 'libraries/licences') }).join(' ');
    for (const name of Object.keys(manifest.dependencies).filter((one) => joined.includes(one)))
      expect(licences).toMatch(new RegExp(`\\b${name}\\.LICEN[SC]E`));
  });
});

describe('a program that imports the package', () => {
  it('compiles against its types, every declaration of ours checked, and so does the example of the manual', async () => {
    const { stdout } = await run(process.execPath, [tsc, '-p', '.', '--skipLibCheck', 'false'], {
      cwd: consumer,
    });
    expect(stdout).toBe('');
  });

  it('calls a partner API, is told of refusals by their type, and ends by itself', async () => {
    await using asapp = await startAsapp(createTestClock());
    const { id, secret } = asappCredentials;
    const { stdout } = await run(process.execPath, ['main.js', asapp.url, id, secret], { cwd: consumer });
    expect(JSON.parse(stdout)).toEqual({
      text: '01BX5ZZKBKACTAV9WEVG1',
      count: '01BX5ZZKBKACTAV9WEVG1',
      unread: 409,
      refused: 'INVALID_REQUEST',
      wrong: expect.stringContaining('connections.other.preset: '),
      circuit: 'closed',
      lines: [],
    });
    const authenticated = asapp.carriedOut.at(-1);
    expect(authenticated?.path).toBe('/conversation/v1/conversations/01ABC/authenticate');
    expect(JSON.parse(authenticated?.body ?? '')).toMatchObject({ customerExternalId: 'c1abc' });
  });

  it('can import nothing else of it', async () => {
    const inside = "await import('symbolon/dist/src/service.js')";
    await expect(
      run(process.execPath, ['--input-type=module', '-e', inside], { cwd: consumer }),
    ).rejects.toThrow(/ERR_PACKAGE_PATH_NOT_EXPORTED/);
  });
});

it('its types are where every module resolver of today looks for them', async () => {
  const home = join(consumer, 'node_modules', manifest.name);
  const files = Object.fromEntries(
    globSync(['package.json', 'dist/src/**/*.{js,d.ts}'], { cwd: home }).map((file) => [
      `/node_modules/${manifest.name}/${file}`,
      readFileSync(join(home, file), 'utf8'),
    ]),
  );
  const result = await checkPackage(new Package(files, manifest.name, manifest.version), {
    entrypoints: ['.'],
  });
  if (!result.types) throw new Error('no types were found');
  // An ES module package: old resolvers do not see its entry, and `require` gets a module.
  const problems = result.problems.filter(
    (problem) =>
      problem.kind !== 'CJSResolvesToESM' &&
      !('resolutionKind' in problem && problem.resolutionKind === 'node10'),
  );
  expect(problems).toEqual([]);
});
