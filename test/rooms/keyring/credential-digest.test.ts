import { hash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { credentialDigest, credentialDigests } from '../../../src/keyring/credential-digest.ts';
import { openRooms, type Rooms } from '../fixture.ts';

let rooms: Rooms;
beforeEach(async () => {
  rooms = await openRooms();
});
afterEach(() => rooms.close());

describe('the digest of a credential', () => {
  it('depends on the pepper: without it a stolen table cannot be searched for a known secret', async () => {
    const digest = credentialDigest(rooms.keyring, 'cs_secret');
    expect(digest).not.toBe(hash('sha256', 'cs_secret', 'base64url'));
    await rooms.keyring.rotate('credential-pepper');
    expect(credentialDigest(rooms.keyring, 'cs_secret')).not.toBe(digest);
  });

  it('under an older pepper is still found, newest first', async () => {
    const before = credentialDigest(rooms.keyring, 'cs_secret');
    await rooms.keyring.rotate('credential-pepper');
    const now = credentialDigest(rooms.keyring, 'cs_secret');
    expect(credentialDigests(rooms.keyring, 'cs_secret')).toEqual([now, before]);
  });
});
