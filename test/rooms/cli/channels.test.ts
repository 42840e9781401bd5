import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { symbolon } from './run.ts';

const SECRET = 'q8Jr2ZkW5xVt7Np4Ls6Hd9Fb3Mc1Yg0A';
let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'symbolon-channels-'));
  writeFileSync(
    join(cwd, 'symbolon.yaml'),
    `public_url: http://localhost:18080
keys: { generate: true }
default_channel: help
channels:
  - { id: help, group: shop, profile: zendesk, settings: { key_id: app_65f1b9c2a3d4, secret: "\${SECRET}" } }
  - { id: plain, group: shop }
`,
  );
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const run = (...args: string[]) => symbolon(['channels', ...args], { cwd, env: { SECRET } });

it('a probe shows what each form of the proof gets, names the switch of the vendor, and prints no secret', async () => {
  const { code, stdout } = await run('probe', 'help');
  expect(code).toBe(0);
  for (const line of [
    /ok +as it is: accepted/,
    /ok +without its signature: refused/,
    /ok +altered: refused/,
    /ok +signed with another key: refused/,
    /ok +after its end: refused/,
    /What makes .+ refuse visitors without a proof:/,
  ]) {
    expect(stdout).toMatch(line);
  }
  expect(stdout).not.toContain(SECRET);
  expect(stdout).not.toMatch(/eyJ[\w-]+\.eyJ/);
});

it('what cannot be probed is a sentence and exit code 1; a wrong call is exit code 2', async () => {
  const plain = await run('probe', 'plain');
  const missing = await run('probe', 'nowhere');
  const wrong = await run('probe', 'help', '--input', 'nothing');
  expect([plain.code, missing.code, wrong.code]).toEqual([1, 1, 2]);
  expect(plain.stderr).toContain('CHANNEL_HAS_NO_PROFILE');
});

it('the list and one channel are shown with their vendor, and counts when there are some', async () => {
  const list = await run('list');
  const show = await run('show', 'help', '--json');
  const status = await run('status');
  expect(list.stdout).toMatch(/help +shop +zendesk +Zendesk/);
  expect(JSON.parse(show.stdout)).toMatchObject({
    id: 'help',
    settings: ['key_id', 'secret'],
    enforcement: 'enforce',
  });
  expect(show.stdout).not.toContain(SECRET);
  expect(status.stdout).toContain('No call about a customer was counted.');
});
