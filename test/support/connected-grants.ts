import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigInput } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load.ts';
import { silentLogger } from '../../src/platform/logger.ts';
import { createService } from '../../src/service.ts';
import { startTestBackend } from './backend.ts';
import type { TestClock } from './clock.ts';
import type { FaultHouse } from './fault-house.ts';
import { refreshRole } from './fault-partner-roles.ts';
import { casesOf } from './fault-table.ts';
import { ADMIN_TOKEN, testSettings } from './service.ts';

/** Connects one connection as a person does in a browser: agrees at the other side, comes back, types the code. */
async function connect({ url, adminUrl }: { url: string; adminUrl: string }, name: string): Promise<void> {
  const begun = await fetch(`${adminUrl}/admin/connections/${name}/connect`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  const { address, confirmation_code } = (await begun.json()) as Record<string, string>;
  const state = new URL(address as string).searchParams.get('state') as string;
  const form = { state, code: 'a-code', confirmation: confirmation_code as string };
  const done = await fetch(`${url}/connections/${name}/callback`, {
    method: 'POST',
    body: new URLSearchParams(form),
  });
  if (done.status !== 200) throw new Error(`${name} was not connected: ${done.status}`);
}

/**
 * Runs a service for as long as it takes to connect these connections, and ends it: their grants are in the database of
 * `settings`, for the service that is started next.
 */
async function connectGrants(
  settings: (all: ConfigInput) => ConfigInput,
  names: readonly string[],
  clock: TestClock,
): Promise<void> {
  const backend = await startTestBackend();
  const config = parseConfig(settings(testSettings(backend, backend)), { production: true });
  const service = await createService(config, { clock, logger: silentLogger });
  const addresses = await service.listen();
  for (const name of names) await connect(addresses, name);
  await service.close();
  await backend.close();
}

/**
 * Somebody let us in at each destination of `refreshRole` while all was well; then the service was ended, and the tokens
 * ended, too. For the `prepare` of a table of faults: the service that starts next has to renew every one of them.
 */
export function endedGrants(clock: TestClock) {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-grants-'));
  const kept: Partial<ConfigInput> = {
    storage: { database_url: `file:${join(folder, 'symbolon.db')}` },
    keys: { encryption_keys: [randomBytes(32).toString('base64')] },
  };
  return {
    prepare: async (house: FaultHouse) => {
      const places = casesOf([refreshRole]).map(([role, one]) => house.place(role, one));
      const settings = (all: ConfigInput) =>
        places.reduce<ConfigInput>(
          (so, place) => refreshRole.settings(so, { ...place, base: place.wellBase }),
          { ...all, ...kept },
        );
      await connectGrants(
        settings,
        places.map(({ name }) => name),
        clock,
      );
      clock.advance(600_000);
      return (all: ConfigInput): ConfigInput => ({ ...all, ...kept });
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
