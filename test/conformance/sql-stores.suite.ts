import { describe, expect, it } from 'vitest';
import type { SqlStores } from '../../src/stores/sql/sql-stores.ts';
import { apiKey, apiKeyStoreSuite, signingUseKey } from './api-key-store.suite.ts';
import { auditStoreSuite } from './audit-store.suite.ts';
import { authorizationCode, authorizationCodeStoreSuite } from './authorization-code-store.suite.ts';
import { channelCallStoreSuite } from './channel-call-store.suite.ts';
import { channelVisitStoreSuite } from './channel-visit-store.suite.ts';
import { clientStoreSuite, oauthClient } from './client-store.suite.ts';
import { consent, consentStoreSuite } from './consent-store.suite.ts';
import { customer, customerStoreSuite } from './customer-store.suite.ts';
import { directoryStoreSuite, directoryUser } from './directory-store.suite.ts';
import { keyCheck, keyStoreSuite, sealedKey } from './key-store.suite.ts';
import { outboundGrant, outboundGrantStoreSuite } from './outbound-grant-store.suite.ts';
import { partnerStoreSuite } from './partner-store.suite.ts';
import { registryStoreSuite } from './registry-store.suite.ts';
import { refreshFamily, refreshFamilyStoreSuite } from './refresh-family-store.suite.ts';
import { replaySuite } from './replay.suite.ts';
import { revocation, revocationStoreSuite } from './revocation-store.suite.ts';
import { secretRotationSuite } from './secret-rotation.suite.ts';
import { sessionRecordStoreSuite } from './session-record-store.suite.ts';
import { signingKey, signingKeyStoreSuite } from './signing-key-store.suite.ts';
import {
  auditRecord,
  createTestClock,
  freshStores,
  partner,
  START_MS,
  type StoreEngine,
} from './store-fixture.ts';
import { tierAssignmentStoreSuite } from './tier-assignment-store.suite.ts';

/** One of everything. */
async function fill(stores: SqlStores): Promise<void> {
  await stores.partners.insert(partner('acme', ['web', 'app']), auditRecord('partner'));
  await stores.clients.insert(oauthClient('one'), auditRecord('client'));
  await stores.apiKeys.insert(apiKey('one'), auditRecord('key'));
  await stores.apiKeys.insert(signingUseKey('two'), auditRecord('key'));
  await stores.customers.pin(customer('a'));
  await stores.keys.addKey(sealedKey(1), keyCheck(1));
  await stores.signingKeys.addFirst(signingKey('kid'));
  await stores.revocations.add([revocation('a'), revocation('b')]);
  await stores.directory.insert('main', directoryUser('ada'), auditRecord('user'));
  await stores.replays.consume('signature-v1', 'used', START_MS + 1_000);
  await stores.sessions.write('digest', 'data', START_MS + 1_000);
  await stores.authorizationCodes.insert(authorizationCode('used'));
  await stores.authorizationCodes.consume('used', START_MS);
  await stores.refreshFamilies.insert(refreshFamily('family'));
  await stores.consents.put(consent('one', 'c1a'));
  await stores.outboundGrants.store(outboundGrant('crm'));
  await stores.audit.append('process/1', [auditRecord('read')]);
}

async function everything(stores: SqlStores) {
  return {
    partners: await stores.partners.list(),
    clients: await stores.clients.list(),
    apiKeys: await stores.apiKeys.list(),
    customer: await stores.customers.findByIndex('index-a'),
    customers: await stores.customers.count(),
    keys: await stores.keys.loadKeys(),
    checks: await stores.keys.loadChecks(),
    signingKeys: await stores.signingKeys.list(),
    revocations: await stores.revocations.since(0, START_MS),
    users: await stores.directory.list('main'),
    session: await stores.sessions.read('digest', START_MS),
    code: await stores.authorizationCodes.consume('used', START_MS),
    family: await stores.refreshFamilies.find('family'),
    consents: await stores.consents.listOf(['person-c1a']),
    outboundGrant: await stores.outboundGrants.find('crm'),
    audit: await stores.audit.list({ limit: 100 }),
  };
}

function replayStoreSuite(engine: StoreEngine): void {
  describe('replay store', () => {
    const at = freshStores(engine);
    replaySuite({ store: () => at.stores.replays, nowMs: () => at.clock.nowMs() });

    it('forgets what has expired and nothing else', async () => {
      const { replays } = at.stores;
      await replays.consume('signature-v1', 'old', START_MS + 10);
      await replays.consume('signature-v1', 'new', START_MS + 11);
      expect(await replays.prune(START_MS + 10)).toBe(1);
      expect(await replays.consume('signature-v1', 'old', START_MS + 20)).toBe('fresh');
      expect(await replays.consume('signature-v1', 'new', START_MS + 20)).toBe('replayed');
    });
  });
}

/** What is promised of the stores as a whole. */
function wholeSuite(engine: StoreEngine): void {
  describe('the stores together', () => {
    it('let what is under way finish when they are closed', async () => {
      const { stores, openAgain, dispose } = await engine.open(createTestClock());
      try {
        const work = Promise.all([
          stores.partners.insert(partner('acme'), auditRecord('acme')),
          stores.audit.append('process/1', [auditRecord('read')]),
          stores.customers.pin(customer('a')),
        ]);
        await stores.close();
        expect(await work).toEqual(['inserted', undefined, customer('a')]);
        await stores.close();
        const again = await openAgain();
        expect(await again.customers.count()).toBe(engine.durable ? 1 : 0);
        await again.close();
      } finally {
        await dispose();
      }
    });

    it('answer a ping while open, and STORE_UNAVAILABLE once closed', async () => {
      const { stores, dispose } = await engine.open(createTestClock());
      try {
        await stores.ping();
        await stores.close();
        const away = { name: 'BridgeError', code: 'STORE_UNAVAILABLE' };
        await expect(stores.ping()).rejects.toMatchObject(away);
        await expect(stores.customers.pin(customer('a'))).rejects.toMatchObject(away);
        await expect(stores.partners.insert(partner('a'), auditRecord('a'))).rejects.toMatchObject(away);
      } finally {
        await dispose();
      }
    });
  });
}

/** What is promised of an engine whose database outlives its connection. */
function durabilitySuite(engine: StoreEngine): void {
  describe('the stores, closed and opened again', () => {
    it('still have everything', async () => {
      const { stores, openAgain, dispose } = await engine.open(createTestClock());
      try {
        await fill(stores);
        const before = await everything(stores);
        expect(before.audit).toHaveLength(6);
        await stores.close();
        const again = await openAgain();
        try {
          expect(await everything(again)).toEqual(before);
          expect(await again.replays.consume('signature-v1', 'used', START_MS + 1_000)).toBe('replayed');
          expect(await again.signingKeys.addFirst(signingKey('later'))).toBe(false);
          await again.audit.append('process/1', [auditRecord('next')]);
          expect((await again.audit.readChain('process/1', 1, 5))[0]?.sequence).toBe(2);
        } finally {
          await again.close();
        }
      } finally {
        await dispose();
      }
    });
  });
}

/** Every suite that an engine of the SQL stores has to pass. */
export function sqlStoreSuites(engine: StoreEngine): void {
  partnerStoreSuite(engine);
  clientStoreSuite(engine);
  apiKeyStoreSuite(engine);
  secretRotationSuite(engine);
  customerStoreSuite(engine);
  registryStoreSuite(engine);
  keyStoreSuite(engine);
  signingKeyStoreSuite(engine);
  revocationStoreSuite(engine);
  replayStoreSuite(engine);
  directoryStoreSuite(engine);
  sessionRecordStoreSuite(engine);
  authorizationCodeStoreSuite(engine);
  refreshFamilyStoreSuite(engine);
  consentStoreSuite(engine);
  channelCallStoreSuite(engine);
  channelVisitStoreSuite(engine);
  tierAssignmentStoreSuite(engine);
  outboundGrantStoreSuite(engine);
  auditStoreSuite(engine);
  wholeSuite(engine);
  if (engine.durable) durabilitySuite(engine);
}
