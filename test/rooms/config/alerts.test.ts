import { describe, expect, it } from 'vitest';
import { maskedConfig } from '../../../src/config/masked.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { least, problemsOf } from './settings.ts';

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const connections = { hooks: { base_url: 'https://hooks.example.com/in' } };

const problems = (webhook: object) =>
  problemsOf(() => parseConfig({ ...least, connections, alerts: { webhook } } as never)).problems.map(
    ({ path }) => path,
  );

describe('the webhook of alerts', () => {
  it.each([
    ['an address of its own', { url: 'https://alerts.example.com/x?from=bridge', secret }],
    ['one below its connection', { url: 'https://hooks.example.com/in/alerts', secret, connection: 'hooks' }],
  ])('may have %s', (_what, webhook) => {
    expect(problems(webhook)).toEqual([]);
  });

  it.each([
    [{ url: 'alerts.example.com', secret }, 'alerts.webhook.url'],
    [{ url: 'https://user:word@alerts.example.com/', secret }, 'alerts.webhook.url'],
    [{ url: 'https://alerts.example.com/' }, 'alerts.webhook.secret'],
    [{ url: 'https://alerts.example.com/', secret: 'short' }, 'alerts.webhook.secret'],
    [{ url: 'https://hooks.example.com/in/x', secret, connection: 'hook' }, 'alerts.webhook.connection'],
    [{ url: 'https://hooks.example.com/inner', secret, connection: 'hooks' }, 'alerts.webhook.url'],
    [{ url: 'https://other.example.com/in/x', secret, connection: 'hooks' }, 'alerts.webhook.url'],
  ])('%j is refused, naming %s', (webhook, path) => {
    expect(problems(webhook)).toEqual([path]);
  });

  it('is printed without its secret', () => {
    const { config } = {
      config: parseConfig({ ...least, alerts: { webhook: { url: 'https://a.example.com/', secret } } }),
    };
    expect(JSON.stringify(maskedConfig(config))).not.toContain(secret);
  });
});
