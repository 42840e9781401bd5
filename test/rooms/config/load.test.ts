import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readEnvironment } from '../../../src/config/environment.ts';
import { loadConfig, parseConfig } from '../../../src/config/load.ts';
import { StartRefused } from '../../../src/errors.ts';
import { folder, least, loadText, problemsOf } from './settings.ts';

const KEY = 'a0k3Zr9mQ1uXc7Yt5Lw2Vb8Nf4Hs6Jd0PgTeRiOoAzE';

describe('a configuration file', () => {
  it('needs nothing but the public address', () => {
    const { config } = loadText('public_url: http://localhost:8080\n');
    expect(config.channels).toEqual([
      {
        id: 'web',
        group: 'default',
        delivery: 'cookie',
        allowed_deliveries: ['cookie', 'token'],
        token_lifetime_seconds: 900,
        authenticators: ['directory'],
        allowed_origins: [],
        app_redirects: [],
        settings: {},
        attributes: {},
        allow_personal_data: [],
        enforcement: 'enforce',
      },
    ]);
    expect(config.authenticators).toEqual([
      { name: 'directory', type: 'directory', reference_space: 'directory' },
    ]);
    expect(config.http.aliases.access_token).toEqual(['/oauth/access_token']);
    expect(config.listen).toEqual({ host: '127.0.0.1', port: 8080 });
  });

  it('has paths that start at its own folder', () => {
    using place = folder();
    const file = place.write('symbolon.yaml', 'public_url: http://localhost\ndata_dir: data\n');
    const { config } = loadConfig({ file, cwd: '/', environment: readEnvironment({}) });
    expect(config.data_dir).toBe(`${place.path}/data`);
    expect(config.storage.database_url).toBe(`file:${place.path}/data/symbolon.db`);
  });

  it('keeps a path in the public address and drops a slash at its end', () => {
    expect(parseConfig({ ...least, public_url: 'http://localhost:8080/identity/' }).public_url).toBe(
      'http://localhost:8080/identity',
    );
  });

  it('listens on every address only when the public address is not a loopback one', () => {
    const config = parseConfig({ public_url: 'https://id.example.com', behind_tls_proxy: true });
    expect(config.listen.host).toBe('0.0.0.0');
    expect(config.admin.host).toBe('127.0.0.1');
    expect(config.ops.host).toBe('127.0.0.1');
  });

  it('reports every problem at once, each with its path and a fix', () => {
    const { problems } = problemsOf(() =>
      loadText(`
public_url: http://localhost:8080
lissten: {}
listen: { port: 70000, hots: x }
tokens: { algorithm: RS265 }
storage: { redis_url: "\${REDIS_ADDRESS}" }
admin: { port: many }
channels: [{ id: web, group: Group }]
authenticators: [{ name: a, type: htpp }]
`),
    );
    expect(problems.map((one) => one.path).sort()).toEqual([
      'admin.port',
      'authenticators[0].type',
      'channels[0].group',
      'lissten',
      'listen.hots',
      'listen.port',
      'storage.redis_url',
      'tokens.algorithm',
    ]);
    for (const one of problems) {
      expect(one.problem).not.toBe('');
      expect(one.fix).toMatch(/[.?]$/);
    }
  });

  it.each([
    ['lissten: {}', 'lissten', 'Did you mean "listen"?'],
    ['listen: { hots: x }', 'listen.hots', 'Did you mean "host"?'],
    ['sign_in: { maxFailuresPerAccount: 3 }', 'sign_in.maxFailuresPerAccount', 'max_failures_per_account'],
    ['channels: [{ id: web, group: g, deliver: token }]', 'channels[0].deliver', 'Did you mean "delivery"?'],
    [
      'connections: { crm: { base_url: "https://a.example", auth: [{ type: api_key, header: x-key, valeu: 0f9e8d7c6b5a }] } }',
      'connections.crm.auth[0].valeu',
      'Did you mean "value"?',
    ],
    [
      'authenticators: [{ name: a, type: directory, reference_spase: s }]',
      'authenticators[0].reference_spase',
      'Did you mean "reference_space"?',
    ],
    ['log: { colour: blue }', 'log.colour', 'Known here: level.'],
  ])('refuses an unknown setting by name: %s', (text, path, fix) => {
    const { problems } = problemsOf(() => loadText(`public_url: http://localhost\n${text}\n`));
    const found = problems.find((one) => one.path === path);
    expect(found?.problem).toBe('is not a known setting');
    expect(found?.fix).toContain(fix);
  });

  it.each([
    'admin:\n  token: "S3cretInTheFile\n  port: 1\n',
    'admin:\n  token: "x" S3cretInTheFile\n',
    'admin:\n  token: !S3cretInTheFile x\n',
    'admin:\n  token: {S3cretInTheFile\n',
    'admin:\n  S3cretInTheFile: 1\n  S3cretInTheFile: 2\n',
  ])('is refused with the line when it is not YAML, without quoting it: %j', (text) => {
    const refusal = problemsOf(() => loadText(`public_url: http://localhost\n${text}`)).text;
    expect(refusal).toMatch(/line \d+, column \d+ is not valid YAML/);
    expect(refusal).not.toContain('S3cretInTheFile');
  });

  it('is refused without quoting an alias that does not resolve', () => {
    const { problems, text } = problemsOf(() => loadText('admin:\n  token: *S3cretInTheFile\n'));
    expect(problems).toHaveLength(1);
    expect(text).not.toContain('S3cretInTheFile');
  });

  it('with a misspelt section is not also blamed for what that section would have named', () => {
    const { problems } = problemsOf(() =>
      parseConfig({
        ...least,
        channels: [{ id: 'web', group: 'g', authenticators: ['staff'] }],
        authenticator: [{ name: 'staff', type: 'directory', reference_space: 's' }],
      } as typeof least),
    );
    expect(problems.map((one) => one.path)).toEqual(['authenticator']);
  });

  it('is refused when a setting is written twice', () => {
    const { text } = problemsOf(() =>
      loadText('public_url: http://localhost\npublic_url: http://localhost\n'),
    );
    expect(text).toContain('line 2');
  });

  it('is told how to write a reference inside braces', () => {
    const { text } = problemsOf(() => loadText('admin: { token: ${ADMIN} }\n', { ADMIN: 'x' }));
    expect(text).toContain('quotes');
  });

  it.each(['- a\n- b\n', 'just text\n', '42\n'])('is refused when it is no list of settings: %j', (text) => {
    expect(problemsOf(() => loadText(text)).problems).toHaveLength(1);
  });

  it('survives an alias bomb', () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'
      .split('')
      .map(
        (name, i) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${'abcdefgh'[i]}`).join(',')}]`,
      )
      .join('\n')}\n`;
    expect(problemsOf(() => loadText(bomb)).problems.length).toBeGreaterThan(0);
  });

  it.each([
    ['an alias within its own anchor', 'a: &x [*x]'],
    ['two of them', 'a: &x [*x, *x]'],
    ['brackets without end', `a: ${'['.repeat(100_000)}`],
    ['nesting that no setting has', `a: ${'{a: '.repeat(60)}1${'}'.repeat(60)}`],
  ])('is refused for %s, at once', (_what, text) => {
    expect(problemsOf(() => loadText(text)).text).toContain('is nested without end');
  });

  it('that does not exist is named, with the way to get one', () => {
    const { text } = problemsOf(() =>
      loadConfig({ file: '/nowhere/symbolon.yaml', environment: readEnvironment({}) }),
    );
    expect(text).toContain('/nowhere/symbolon.yaml');
    expect(text).toContain('symbolon init');
  });
});

describe('the environment', () => {
  it('alone configures a service with an embedded directory', () => {
    using place = folder();
    const environment = readEnvironment({
      DATABASE_URL: 'file:x.db',
      PUBLIC_URL: 'http://localhost:9000',
      PORT: '9000',
    });
    const { config, file } = loadConfig({ cwd: place.path, environment });
    expect(file).toBeUndefined();
    expect(config.listen.port).toBe(9000);
    expect(config.storage.database_url).toBe(`file:${place.path}/x.db`);
  });

  it('without a file and without DATABASE_URL does not start, and says what to do', () => {
    using place = folder();
    const run = () => loadConfig({ cwd: place.path, environment: readEnvironment({}) });
    expect(run).toThrow(StartRefused);
    expect(run).toThrow(/symbolon init/);
  });

  it('overrides the file for the usual few settings', () => {
    const { config } = loadText('public_url: http://localhost:1\nlisten: { host: 127.0.0.2, port: 1 }\n', {
      PUBLIC_URL: 'http://localhost:2',
      PORT: '2',
      REDIS_URL: 'redis://127.0.0.1:6379',
      ADMIN_TOKEN: 'kf83hf73hf83hf93hf83hf73',
      LOG_LEVEL: 'warn',
    });
    expect(config.public_url).toBe('http://localhost:2');
    expect(config.listen).toEqual({ host: '127.0.0.2', port: 2 });
    expect(config.storage.redis_url).toBe('redis://127.0.0.1:6379');
    expect(config.admin.token).toBe('kf83hf73hf83hf93hf83hf73');
    expect(config.log.level).toBe('warn');
  });

  it('is named when one of its values is wrong', () => {
    const { text } = problemsOf(() =>
      loadText('public_url: http://localhost\n', { PORT: 'http', ADMIN_TOKEN: 'short' }),
    );
    expect(text).toContain('listen.port (from PORT)');
    expect(text).toContain('admin.token (from ADMIN_TOKEN)');
  });

  it('counts an empty variable as not set', () => {
    expect(loadText('public_url: http://localhost\n', { PORT: '' }).config.listen.port).toBe(8080);
  });

  it('gives the key-encryption key when the file lists none', () => {
    const { config } = loadText('public_url: http://localhost\n', { SYMBOLON_KEY: KEY });
    expect(config.keys.encryption_keys).toEqual([KEY]);
  });

  it('gives the key-encryption key from a file', () => {
    using place = folder();
    const file = place.write('key', `${KEY}\n`);
    const { config } = loadText('public_url: http://localhost\n', { SYMBOLON_KEY_FILE: file });
    expect(config.keys.encryption_keys).toEqual([KEY]);
  });

  it('with a key that the file leaves out is refused, not ignored', () => {
    const other = Buffer.from('0123456789abcdef0123456789ABCDEF').toString('base64');
    const text = `public_url: http://localhost\nkeys: { encryption_keys: ["${other}"] }\n`;
    const { problems } = problemsOf(() => loadText(text, { SYMBOLON_KEY: KEY }));
    expect(problems.map((one) => one.path)).toEqual(['keys.encryption_keys']);
  });
});

describe('the example configuration', () => {
  const example = readFileSync(resolve(import.meta.dirname, '../../../symbolon.example.yaml'), 'utf8');
  const variables = {
    SYMBOLON_KEY: KEY,
    LOGIN_API_KEY: 'example-2f8a91c4',
    PROFILE_CLIENT_SECRET: 'example-77ab1903',
    PROFILE_API_KEY: 'example-5d0c4e2b',
  };

  it('is sound and without warnings once its variables are set', () => {
    expect(loadText(example, variables).warnings).toEqual([]);
  });

  it('asks for each variable by name', () => {
    const { text, problems } = problemsOf(() => loadText(example));
    for (const name of Object.keys(variables)) expect(text).toContain(name);
    expect(problems).toHaveLength(Object.keys(variables).length);
  });
});
