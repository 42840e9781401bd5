import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../../src/config/config.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { least, problemsOf } from './settings.ts';

const provider = {
  name: 'idp',
  type: 'jwt' as const,
  reference_space: 'idp',
  issuer: 'https://idp.example.com',
  audiences: ['app'],
};
const other = { ...provider, name: 'other', issuer: 'https://other.example.com' };
const claim = { reference_claim: 'customer_id' };
const pathsOf = (config: ConfigInput) =>
  problemsOf(() => parseConfig(config, { production: true })).problems.map(({ path }) => path);
const with_ = (...authenticators: NonNullable<ConfigInput['authenticators']>): ConfigInput => ({
  ...least,
  public_url: 'https://id.example.com/bridge',
  behind_tls_proxy: true,
  authenticators,
});

describe('X1: two issuers', () => {
  it.each<[string, ConfigInput]>([
    ['by default', with_(provider, { ...other })],
    ['by sub on one side', with_({ ...provider, ...claim }, other)],
  ])('may not share a reference space %s', (_what, config) => {
    expect(pathsOf(config)).toContain('authenticators[1].reference_space');
  });

  it.each<[string, ConfigInput]>([
    ['each has its own space', with_(provider, { ...other, reference_space: 'other' })],
    ['both name a claim with the company’s id', with_({ ...provider, ...claim }, { ...other, ...claim })],
    ['they are one issuer', with_(provider, { ...other, issuer: provider.issuer })],
  ])('may stand side by side when %s', (_what, config) => {
    expect(() => parseConfig(config, { production: true })).not.toThrow();
  });
});

describe('X4: this service', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['as issuer', { issuer: 'https://id.example.com/bridge' }, 'authenticators[0].issuer'],
    ['as issuer, with a slash', { issuer: 'https://id.example.com/bridge/' }, 'authenticators[0].issuer'],
    [
      'as source of keys',
      { keys_url: 'https://id.example.com/bridge/.well-known/jwks.json' },
      'authenticators[0].keys_url',
    ],
  ])('may not stand in its own settings %s', (_what, changes, path) => {
    expect(pathsOf(with_({ ...provider, ...changes }))).toContain(path);
  });

  it('may have an identity provider beside it on its host', () => {
    const beside = with_({ ...provider, issuer: 'https://id.example.com/bridge-idp' });
    expect(() => parseConfig(beside, { production: true })).not.toThrow();
  });
});
