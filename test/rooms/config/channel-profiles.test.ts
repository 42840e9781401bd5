import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../../src/config/config.ts';
import { checkConsistency } from '../../../src/config/consistency.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { maskedConfig } from '../../../src/config/masked.ts';
import { least, problemsOf } from './settings.ts';

type ChannelInput = NonNullable<ConfigInput['channels']>[number];

const SECRET = 'q8Jr2ZkW5xVt7Np4Ls6Hd9Fb3Mc1Yg0A';
const zendesk: ChannelInput = {
  id: 'web',
  group: 'chat',
  profile: 'zendesk',
  settings: { key_id: 'app_65f1b9c2a3d4e5f60718293a', secret: SECRET },
};
const crm = {
  connections: { api: { base_url: 'https://api.example.com' } },
  backends: [
    {
      name: 'crm',
      connection: 'api',
      path: '/me',
      identifier: { as: 'opaque' as const, in: 'header' as const, name: 'x-customer' },
      fields: { full_name: 'name', mail: 'contact.mail' },
    },
  ],
};
const one = (channel: Partial<ChannelInput>, rest: Partial<ConfigInput> = crm): ConfigInput => ({
  ...least,
  ...rest,
  channels: [{ ...zendesk, ...channel }],
});
const crisp = { profile: 'crisp', settings: { secret: SECRET } };

/** Configurations that must not start, the setting that is to blame, and a word of the mend. */
const refusedTable: [string, ConfigInput, string, RegExp][] = [
  [
    'a profile that there is none of',
    one({ profile: 'zendsk' }),
    'channels[0].profile',
    /Did you mean "zendesk"/,
  ],
  [
    'an attribute from a field that no backend has',
    one({ attributes: { name: 'nickname' }, allow_personal_data: ['name'] }),
    'channels[0].attributes.name',
    /Add it under backends\[\]\.fields, or map one of: full_name, mail\.$/,
  ],
  [
    'settings without a profile',
    one({ profile: undefined }),
    'channels[0].settings',
    /Set channels\[0\]\.profile/,
  ],
  ['a secret that is missing', one({ settings: { key_id: 'app_1' } }), 'channels[0].settings.secret', /text/],
  [
    'a misspelt setting',
    one({ settings: { ...zendesk.settings, kid: 'x' } }),
    'channels[0].settings.kid',
    /Did you mean|Known here: key_id, secret/,
  ],
  [
    'a secret with white space around it',
    one({ settings: { ...zendesk.settings, secret: `${SECRET} ` } }),
    'channels[0].settings.secret',
    /Copy it again/,
  ],
  [
    'a secret that is not hex where the vendor decodes hex',
    one({
      profile: 'pylon',
      settings: { secret: SECRET },
      attributes: { email: 'mail' },
      allow_personal_data: ['email'],
    }),
    'channels[0].settings.secret',
    /./,
  ],
  [
    'personal data without the word',
    one({ attributes: { name: 'full_name' } }),
    'channels[0].attributes.name',
    /allow_personal_data/,
  ],
  [
    'an attribute that nobody gives',
    one({ attributes: { name: 'nickname' }, allow_personal_data: ['name'] }),
    'channels[0].attributes.name',
    /full_name/,
  ],
  [
    'an attribute that the vendor does not take',
    one({ attributes: { shoe_size: 'mail' } }),
    'channels[0].attributes.shoe_size',
    /Configured/,
  ],
  [
    'a needed attribute that is not mapped',
    one(crisp),
    'channels[0].attributes.email',
    /Name the profile field/,
  ],
  [
    'leave for what is not personal',
    one({ allow_personal_data: ['shoe_size'] }),
    'channels[0].allow_personal_data',
    /Configured/,
  ],
  [
    'a life beyond the cap of the vendor',
    one({ profile: 'amazon-connect', proof_lifetime_seconds: 601 }),
    'channels[0].proof_lifetime_seconds',
    /600 or less/,
  ],
  [
    'a life of a token that passes through',
    one({ profile: 'asapp', settings: {}, proof_lifetime_seconds: 60 }),
    'channels[0].proof_lifetime_seconds',
    /token_lifetime_seconds/,
  ],
  [
    'a code vendor without its client',
    one({ profile: 'genesys', settings: {} }),
    'channels[0].client',
    /symbolon clients create/,
  ],
  ['a client that is not used', one({ client: 'cl_1' }), 'channels[0].client', /Remove it/],
  [
    'a connection that is not there',
    one({ profile: 'sendbird', settings: { connection: 'sendbird' } }),
    'channels[0].settings.connection',
    /api/,
  ],
];

describe('a channel profile', () => {
  it.each(refusedTable)('refuses %s, and says where and how to mend it', (_name, config, path, mend) => {
    const found = problemsOf(() => parseConfig(config)).problems.find((problem) => problem.path === path);
    expect(found).toBeDefined();
    expect(`${found?.problem} ${found?.fix}`).toMatch(mend);
    expect(JSON.stringify(found)).not.toContain(SECRET);
  });

  it('with everything in its place is taken, and so is personal data that is allowed', () => {
    expect(() => parseConfig(one({}))).not.toThrow();
    const mapped = {
      attributes: { name: 'full_name', email: 'mail' },
      allow_personal_data: ['name', 'email'],
    };
    expect(() => parseConfig(one(mapped))).not.toThrow();
    expect(() =>
      parseConfig(one({ ...crisp, attributes: { email: 'mail' }, allow_personal_data: ['email'] })),
    ).not.toThrow();
  });

  it('warns of one account at the vendor with customers of two groups', () => {
    const config = parseConfig({
      ...one({}),
      channels: [zendesk, { ...zendesk, id: 'app', group: 'other' }],
    });
    expect(checkConsistency(config, { production: false })).toContainEqual(
      expect.objectContaining({ severity: 'warning', path: 'channels[1].group' }),
    );
    const same = parseConfig({ ...one({}), channels: [zendesk, { ...zendesk, id: 'app' }] });
    const paths = checkConsistency(same, { production: false }).map(({ path }) => path);
    expect(paths).not.toContain('channels[1].group');
  });

  it.each(['accept', 'warn'] as const)('warns as long as enforcement is at %s', (enforcement) => {
    const config = parseConfig(one({ enforcement }));
    expect(checkConsistency(config, { production: false })).toContainEqual(
      expect.objectContaining({ severity: 'warning', path: 'channels[0].enforcement' }),
    );
  });

  it('enforces when nothing is said', () => {
    expect(parseConfig(one({})).channels[0]?.enforcement).toBe('enforce');
  });

  it('shows none of its settings when the configuration is printed', () => {
    const printed = JSON.stringify(maskedConfig(parseConfig(one({}))));
    expect(printed).not.toContain(SECRET);
    expect(printed).not.toContain('app_65f1b9c2a3d4e5f60718293a');
  });

  it('counts as a use of its connection', () => {
    const connections = { ...crm.connections, sendbird: { base_url: 'https://api-1.sendbird.com' } };
    const config = parseConfig(
      one({ profile: 'sendbird', settings: { connection: 'sendbird' } }, { ...crm, connections }),
    );
    const unused = checkConsistency(config, { production: false }).map(({ path }) => path);
    expect(unused).not.toContain('connections.sendbird');
  });
});
