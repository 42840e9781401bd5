import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { completeCall, isShallow } from '../../../src/connections/call-body.ts';
import { maskAnswer } from '../../../src/connections/mask-answer.ts';
import { findOpenPath, isPathPattern } from '../../../src/connections/open-path.ts';
import { connectionWarnings } from '../../../src/connections/preset-warnings.ts';
import type { OpenPath } from '../../../src/connections/presets/preset.ts';
import { connectionSetting, openPathsOf } from '../../../src/connections/presets/preset-settings.ts';
import { presetNames, presetOf } from '../../../src/connections/presets/registry.ts';

const root = resolve(import.meta.dirname, '../../..');

/** An entry of the configuration with every `${…}` filled in. */
function filledIn(value: unknown): unknown {
  const text = JSON.stringify(value)
    .replaceAll(/\$\{\w+_URL\}/g, 'https://api.partner.test')
    .replaceAll(/\$\{\w+\}/g, 'Zq3vR8xK1mW7bT5n');
  return JSON.parse(text) as unknown;
}

const problems = (written: unknown): string[] => {
  const parsed = connectionSetting.safeParse(written);
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
};

describe.each(presetNames)('the preset %s', (name) => {
  const preset = presetOf(name);
  const example = filledIn({ preset: name, ...preset.example }) as Record<string, unknown>;

  it('has an example that the configuration takes, with every variant', () => {
    for (const variant of Object.keys(preset.variants)) {
      expect(problems({ ...example, variant })).toEqual([]);
    }
  });

  it('wants credentials, and only those that the partner takes', () => {
    expect(problems({ ...example, auth: [] }).join()).toContain('auth is missing');
    const basic = { type: 'basic', username: 'someone', password: 'Zq3vR8xK1mW7bT5n' };
    expect(problems({ ...example, auth: [basic] }).join()).toContain(`not a way to call ${preset.title}`);
  });

  it('opens only paths that are written plainly', () => {
    expect(preset.paths.filter(({ path }) => !isPathPattern(path))).toEqual([]);
  });
});

describe('a connection with a preset', () => {
  const written = { preset: 'cmzon', auth: [{ type: 'bearer', token: 'Zq3vR8xK1mW7bT5n' }] };

  it('has the address of the preset, or its own', () => {
    expect(connectionSetting.parse(written).base_url).toBe('https://api.cmzon.com');
    expect(connectionSetting.parse({ ...written, base_url: 'https://x.test' }).base_url).toBe(
      'https://x.test',
    );
    const auth = [{ type: 'api_key', header: 'asapp-api-id', value: 'Zq3vR8xK1mW7bT5n' }];
    const asapp = { preset: 'asapp', variant: 'sandbox', auth };
    expect(connectionSetting.parse(asapp).base_url).toBe('https://api.sandbox.asapp.com');
  });

  it.each([
    ['a preset that nobody knows', { ...written, preset: 'smoke-signals' }, 'preset'],
    [
      'a variant that it does not have',
      { ...written, variant: 'moon' },
      'variant must be one of established, new',
    ],
    ['an address of everybody’s own', { ...written, preset: 'coext' }, 'base_url'],
    ['a day that is none', { ...written, key_created_on: '2030-02-31' }, 'key_created_on'],
    ['nobody to open it to', { ...written, pass_through: { partners: [] } }, 'pass_through.partners'],
    [
      'a path that could be read in two ways',
      { ...written, pass_through: { partners: ['a'], paths: [{ path: '/v1/%2e%2e/x' }] } },
      'pass_through.paths.0.path',
    ],
    [
      'no path, where the preset knows none',
      {
        ...written,
        preset: 'audexum',
        base_url: 'https://x.test',
        pass_through: { partners: ['a'] },
      },
      'pass_through.paths is missing',
    ],
  ])('is refused with %s', (_what, entry, said) => {
    expect(problems(entry).join('\n')).toContain(said);
  });

  it('needs no preset for what only presets have', () => {
    const plain = { base_url: 'https://x.test', pass_through: { partners: ['a'] } };
    expect(problems(plain)).toEqual(['pass_through is for connections with a preset']);
  });

  it('opens what the operator wrote in place of what the preset knows', () => {
    const paths = [
      { path: '/v2/send', identifier: { in: 'body', name: 'meta.customer', list: true } },
      { path: '/v2/chats/{id}', identifier: { in: 'header', name: 'X-Customer' } },
    ];
    const open = openPathsOf(
      connectionSetting.parse({ ...written, pass_through: { partners: ['a'], paths } }),
    );
    expect(open).toEqual([
      { path: '/v2/send', identifier: { in: 'body', path: 'meta.customer', list: true } },
      { path: '/v2/chats/{id}', identifier: { in: 'header', name: 'x-customer' } },
    ]);
    expect(openPathsOf(connectionSetting.parse(written))).toEqual([]);
  });
});

describe('the age of a key', () => {
  const warningsOn = (day: string, more: Record<string, unknown> = {}) => {
    const auth = [{ type: 'bearer', token: 'Zq3vR8xK1mW7bT5n' }];
    const entry = { preset: 'audexum', base_url: 'https://x.test', auth, ...more };
    return connectionWarnings(connectionSetting.parse(entry), Date.parse(`${day}T12:00:00Z`));
  };

  it('is warned of after 90 days, not before', () => {
    expect(warningsOn('2030-04-01', { key_created_on: '2030-01-01' })).toEqual([]);
    expect(warningsOn('2030-04-02', { key_created_on: '2030-01-01' }).join()).toContain('91 days old');
  });

  it('must be known to be warned of', () => {
    expect(warningsOn('2030-01-01').join()).toContain('Set key_created_on');
  });

  it('matters for keys alone', () => {
    const client = { client_id: 'client', client_secret: 'Zq3vR8xK1mW7bT5n' };
    const auth = [{ type: 'client_credentials', token_url: 'https://x.test/token', ...client }];
    expect(warningsOn('2030-01-01', { auth })).toEqual([]);
  });
});

describe('an open path', () => {
  const open: OpenPath[] = [
    { path: '/v1/messages' },
    { path: '/v1/chats/{id}/messages' },
    { path: '/v1/upper/{id}', segment: /^[A-Z]+$/ },
  ];

  it('is found by its own spelling, with any plain segment for a mark', () => {
    expect(findOpenPath(open, '/v1/messages')).toBe(open[0]);
    expect(findOpenPath(open, '/v1/chats/a-1_2.3~/messages')).toBe(open[1]);
    expect(findOpenPath(open, '/v1/upper/ABC')).toBe(open[2]);
    expect(findOpenPath(open, '/v1/upper/abc')).toBeUndefined();
  });

  it('means the same to every server: what is found resolves to itself', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'v1',
        'messages',
        'chats',
        '..',
        '.',
        '%2e',
        '%2f',
        '\\',
        ';',
        '?',
        '#',
        '@',
        '',
        ' ',
        '%',
      ),
      fc.string({ maxLength: 8 }),
    );
    const path = fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => `/${pieces.join('/')}`);
    fc.assert(
      fc.property(
        fc.oneof(
          path,
          fc.string().map((text) => `/v1/chats/${text}/messages`),
        ),
        (text) => {
          if (!findOpenPath(open, text)) return;
          expect(new URL(`https://partner.test${text}`).href).toBe(`https://partner.test${text}`);
          expect(decodeURIComponent(text)).toBe(text);
        },
      ),
      { numRuns: 5_000 },
    );
  });
});

describe('what is added to a call', () => {
  const customer = { identifier: 'c1abc', token: 'a.b.c' };
  const open: Pick<OpenPath, 'identifier' | 'token' | 'fixed'> = {
    identifier: { in: 'body', path: 'who.id' },
    token: { in: 'body', path: 'auth.token' },
    fixed: { 'who.role': 'customer' },
  };

  it('leaves the given body as it was', () => {
    const body = { who: { name: 'x' } };
    expect(completeCall(open, { body, customer })).toEqual({
      body: { who: { name: 'x', id: 'c1abc', role: 'customer' }, auth: { token: 'a.b.c' } },
      headers: {},
    });
    expect(body).toEqual({ who: { name: 'x' } });
  });

  it('never replaces anything, whatever the body holds', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue(), (rest, who) => {
        const completed = completeCall(open, { body: { ...rest, who }, customer });
        if ('member' in completed) return;
        expect(completed.body).toMatchObject({
          who: { id: 'c1abc', role: 'customer' },
          auth: { token: 'a.b.c' },
        });
        // Without what was added, it is the body that was given.
        const { who: whose, auth: _auth, ...others } = completed.body as Record<string, object>;
        const { who: _who, auth: _given, ...given } = rest;
        expect(others).toEqual(given);
        expect(whose).toEqual({ ...(who as object), id: 'c1abc', role: 'customer' });
      }),
    );
  });

  it('names nobody where nobody is proven', () => {
    const refused = (body: Record<string, unknown>) => completeCall(open, { body, customer: undefined });
    for (const [body, member] of [
      [{ who: { id: 'c1other' } }, 'who.id'],
      [{ who: { id: null } }, 'who.id'],
      [{ who: { ID: 'c1other' } }, 'who.id'],
      [{ Who: { id: 'c1other' } }, 'who.id'],
      [{ who: [{ id: 'c1other' }] }, 'who.id'],
      [{ auth: { token: 'a.b.c' } }, 'auth.token'],
      [{ auth: { 'to\u212aen': 'a.b.c' } }, 'auth.token'],
    ] as const) {
      expect(refused(body)).toEqual({ member });
    }
    expect(refused({ who: { name: 'x' }, text: 'hello' })).toMatchObject({ body: { text: 'hello' } });
  });

  it('refuses a member that stands there a second time, in another spelling', () => {
    for (const body of [
      { Who: { id: 'c1other' } },
      { who: { ID: 'c1other' } },
      { who: { id: 'c1abc', Id: 'c1other' } },
      { AUTH: { token: 'x' } },
      { who: { Role: 'agent' } },
    ]) {
      expect(completeCall(open, { body, customer })).toHaveProperty('member');
    }
  });

  it('takes the place of nothing that stands there', () => {
    for (const who of [
      { id: 'c1other' },
      { id: null },
      { id: ['c1abc'] },
      { role: 'agent' },
      'c1abc',
      [],
      7,
      null,
    ]) {
      expect(completeCall(open, { body: { who }, customer })).toHaveProperty('member');
    }
    expect(completeCall(open, { body: { who: { id: 'c1abc' } }, customer })).toHaveProperty('body');
  });

  it('goes into no header that could become two', () => {
    const header = { identifier: { in: 'header' as const, name: 'x-customer' } };
    const given = { body: undefined, customer: { identifier: 'c1\r\nx-evil: 1' } };
    expect(completeCall(header, given)).toEqual({ member: 'customer' });
  });

  it('is nested no deeper than it can be written', () => {
    expect(isShallow(JSON.parse(`${'['.repeat(32)}${']'.repeat(32)}`))).toBe(true);
    expect(isShallow(JSON.parse(`${'['.repeat(33)}1${']'.repeat(33)}`))).toBe(false);
  });
});

it('an answer on a screen shows no secret by its name or by its text', () => {
  const masked = maskAnswer(
    { accessToken: 'abc', nested: [{ 'x-api-key': 'abc', note: 'key Zq3vR8xK1mW7bT5n used' }], tokens: 3 },
    ['Zq3vR8xK1mW7bT5n'],
  );
  expect(masked).toEqual({
    accessToken: '••••••••',
    nested: [{ 'x-api-key': '••••••••', note: 'key •••••••• used' }],
    tokens: 3,
  });
});

it('docs/partner-apis.md says what the presets say', async () => {
  const page = 'docs/partner-apis.md';
  const script = 'scripts/partner-apis-page.ts';
  const check = promisify(execFile)(process.execPath, [script, '--check', page], { cwd: root });
  await expect(check).resolves.toMatchObject({ stdout: `${page} is up to date.\n` });
});
