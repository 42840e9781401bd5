import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { ConfigInput } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load.ts';
import { createTestCertificate } from '../support/certificate.ts';

const docs = resolve(import.meta.dirname, '../../docs');

interface Example {
  authenticators?: { channels?: string[] }[];
  channels?: unknown;
}

/** The examples of a page that hold a whole authenticator, with values where a reader has secrets and files. */
function examples(page: string): Example[] {
  const text = readFileSync(resolve(docs, `${page}.md`), 'utf8');
  return [...text.matchAll(/^( *)```yaml\n([\s\S]*?)^ *```/gm)]
    .map((match) => (match[2] as string).replaceAll(new RegExp(`^${match[1] as string}`, 'gm'), ''))
    .map((yaml) =>
      yaml.replaceAll(/\$\{\w+\}/g, 'Zk3vX9pQ7rT1wY5bN8mLqq7').replaceAll(/file:[\w./-]+/g, 'PEM'),
    )
    .map((yaml) => parse(yaml) as Example)
    .filter((example) => example !== null && typeof example === 'object' && 'authenticators' in example);
}

const certificate = createTestCertificate('localhost').cert;
const withFiles = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value).replaceAll('"PEM"', JSON.stringify(certificate))) as unknown;

describe('the pages that connect a sign-in', () => {
  it.each([
    'http-login',
    'directory',
    'ldap',
    'sql',
    'site-session',
    'token-exchange',
    'oidc-sign-in',
    'test-customers',
  ])('%s shows settings that are taken as they stand', (page) => {
    const found = examples(page);
    expect(found.length).toBeGreaterThan(0);
    for (const example of found) {
      const named = (example.authenticators ?? []).flatMap(({ channels = [] }) => channels);
      const channels = ['web', ...named].map((id) => ({ id, group: 'chat' }));
      const settings = {
        public_url: 'https://id.example.com',
        behind_tls_proxy: true,
        http: { trusted_proxies: ['10.0.0.1'] },
        keys: { generate: true },
        channels,
        ...(withFiles(example) as object),
      };
      expect(parseConfig(settings as ConfigInput).authenticators.length).toBeGreaterThan(0);
    }
  });
});
