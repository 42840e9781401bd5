import type { Config } from '../config/config.ts';
import { createSessionCookies, type SessionCookiesDeps } from '../http/session-cookie.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { RedisConnection } from '../stores/redis.ts';
import type { SqlStores } from '../stores/sql/sql-stores.ts';

/** Session cookies over the store that keeps them, signed with secrets that change under a rotation. */
export function openCustomerCookies(
  deps: Pick<SessionCookiesDeps, 'sessions' | 'lifetimes' | 'clock'> & {
    config: Config;
    keyring: Keyring;
    redis: RedisConnection | undefined;
    stores: Pick<SqlStores, 'sessions'>;
  },
) {
  const { config, keyring, redis, stores } = deps;
  const secrets: string[] = [];
  const readCookieSecrets = () => {
    const texts = keyring.all('session-cookie').map(({ key }) => key.export().toString('base64url'));
    secrets.splice(0, secrets.length, ...texts);
  };
  readCookieSecrets();
  const sessionCookies = createSessionCookies({
    ...deps,
    keep: redis ? { redis: redis.client } : { records: stores.sessions },
    secrets,
    cookieName: config.sessions.cookie_name,
    sameSite: config.sessions.same_site,
  });
  return { sessionCookies, readCookieSecrets };
}
