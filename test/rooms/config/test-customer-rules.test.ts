import { describe, expect, it } from 'vitest';
import { checkConsistency } from '../../../src/config/consistency.ts';
import type { ConfigInput } from '../../../src/config/config.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { ConfigRefused } from '../../../src/config/problems.ts';

const GOOD = 'uT7-qk2Zx9_wLp4mRv8sYd1b';
const person = (change: Record<string, unknown> = {}) => ({
  username: 'vendor-1',
  password: GOOD,
  ...change,
});
const testers = (change: Record<string, unknown> = {}) => ({
  name: 'testers',
  type: 'test_customers',
  channels: ['web'],
  addresses: ['203.0.113.0/24'],
  expires_on: '2030-03-31',
  customers: [person()],
  ...change,
});
const real = { name: 'staff', type: 'directory', reference_space: 'crm' };

const settings = (authenticators: unknown[], more: Partial<ConfigInput> = {}) =>
  ({
    public_url: 'http://127.0.0.1:8080',
    keys: { generate: true },
    authenticators,
    ...more,
  }) as ConfigInput;

/** What is refused about a configuration, as `path: problem`. */
function refusals(authenticators: unknown[], more: Partial<ConfigInput> = {}): string[] {
  try {
    parseConfig(settings(authenticators, more));
    return [];
  } catch (error) {
    if (!(error instanceof ConfigRefused)) throw error;
    return error.problems.map(({ path, problem }) => `${path}: ${problem}`);
  }
}

const warnings = (authenticators: unknown[], production = false) =>
  checkConsistency(parseConfig(settings(authenticators)), { production })
    .filter(({ path }) => path.startsWith('authenticators'))
    .map(({ path, problem }) => `${path}: ${problem}`);

describe('test customers in the configuration', () => {
  it('are taken when their list, their channels and their end are named', () => {
    expect(refusals([testers(), real])).toEqual([]);
    expect(refusals([testers({ addresses: [] }), real])).toEqual([]);
    expect(refusals([testers({ expires_on: undefined }), real])).toEqual([]);
  });

  it('need callers or an end', () => {
    const [problem] = refusals([testers({ addresses: [], expires_on: undefined }), real]);
    expect(problem).toContain('expires_on must be set');
  });

  it.each(['test', 'test-asapp', 'test.one', 'test_2'])(
    'keep the space %s from every other authenticator',
    (space) => {
      expect(refusals([{ ...real, reference_space: space }])).toEqual([
        'authenticators[0].reference_space: is kept for test customers',
      ]);
      expect(refusals([testers({ reference_space: space }), real])).toEqual([]);
    },
  );

  it('leave spaces that merely begin alike to real customers', () => {
    expect(refusals([{ ...real, reference_space: 'testers' }])).toEqual([]);
  });

  it('cannot be put into a space of real customers, nor share one', () => {
    expect(refusals([testers({ reference_space: 'crm' }), real])[0]).toContain('reference_space');
    const second = testers({ name: 'more', customers: [person({ username: 'vendor-2' })] });
    expect(refusals([testers(), second, real])).toEqual([
      'authenticators[1].reference_space: is that of testers already',
    ]);
  });

  it('have names and references of their own, however the names are typed', () => {
    const customers = [
      person({ username: 'Ödön-1', reference: 'a' }),
      person({ username: 'O\u0308DO\u0308N-1', reference: 'b' }),
    ];
    expect(refusals([testers({ customers }), real])).toEqual([
      'authenticators[0].customers[1].username: is that of another test customer',
    ]);
    const twins = [person({ reference: 'a' }), person({ username: 'vendor-2', reference: 'a' })];
    expect(refusals([testers({ customers: twins }), real])).toEqual([
      'authenticators[0].customers[1].reference: is that of another test customer',
    ]);
  });

  it.each([
    ['Correct Horse Battery-Staple', 'an example'],
    ['password-password', 'placeholder'],
    ['change-me-change-me', 'placeholder'],
    ['my-vendor-1-pass-9x', 'contains the user name'],
    ['short-1', '16 characters'],
  ])('refuse the password %s, and never print it', (password, why) => {
    const [problem, ...others] = refusals([testers({ customers: [person({ password })] }), real]);
    expect([problem, ...others].join(' ')).toContain(why);
    expect([problem, ...others].join(' ')).not.toContain(password);
  });

  it('name channels that there are, and that let them in', () => {
    expect(refusals([testers({ channels: ['wob'] }), real])[0]).toContain('names "wob"');
    const channels = [{ id: 'web', group: 'web', authenticators: ['staff'] }];
    expect(refusals([testers(), real], { channels })[0]).toContain('leave testers out');
  });

  it('need a profile where a backend is asked by reference and holds real data, too', () => {
    const connections = { crm: { base_url: 'https://crm.test' } };
    const backend = (as: 'reference' | 'opaque', environments: ('live' | 'test')[]) => ({
      name: 'crm',
      connection: 'crm',
      path: '/profile',
      identifier: { as, in: 'header' as const, name: 'X-Customer' },
      environments,
      fields: { plan: 'plan' },
    });
    const tried = (one: ReturnType<typeof backend>, customer = person()) =>
      refusals([testers({ customers: [customer] }), real], { connections, backends: [one] });
    expect(tried(backend('reference', ['live', 'test']))).toEqual([
      "backends[0].environments: holds real data too, so that a test customer's reference could name a real customer there",
    ]);
    expect(tried(backend('reference', ['live', 'test']), person({ profile: {} }))).toEqual([]);
    expect(tried(backend('opaque', ['live', 'test']))).toEqual([]);
    expect(tried(backend('reference', ['test']))).toEqual([]);
  });

  it('are warned of in production, without an end, and with a weak password', () => {
    expect(warnings([testers(), real])).toEqual([]);
    expect(warnings([testers(), real], true)).toEqual([
      'authenticators[0]: has test customers in production',
    ]);
    expect(warnings([testers({ expires_on: undefined }), real])[0]).toContain('never end');
    expect(warnings([testers({ customers: [person({ password: 'aab1aab2aab3aab4' })] }), real])[0]).toContain(
      'weak',
    );
  });
});
