import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, startService, type TestService } from '../../support/service.ts';
import { folder } from '../config/settings.ts';
import { symbolon } from './run.ts';

const DAY_MS = 86_400_000;

describe('the command line, the audit log and a moved clock', () => {
  let t: TestService;
  let place: ReturnType<typeof folder>;
  beforeAll(async () => {
    t = await startService({ settings: (settings) => ({ ...settings, audit: { retention_days: 30 } }) });
    place = folder();
    place.write('symbolon.yaml', 'public_url: http://localhost:8080\n');
    mkdirSync(`${place.path}/.symbolon`);
    const running = { pid: process.pid, admin_url: t.adminUrl };
    writeFileSync(`${place.path}/.symbolon/service.json`, JSON.stringify(running));
  });
  afterAll(async () => {
    await t.dispose();
    place[Symbol.dispose]();
  });
  const run = (...args: string[]) => symbolon(args, { cwd: place.path, env: { ADMIN_TOKEN } });
  const metrics = async () => (await t.ops.get('/metrics').expect(200)).text;

  it('takes what is too old and says so, and the log stays whole', async () => {
    for (let day = 0; day < 36; day++) {
      await t.signIn();
      await t.admin.get('/admin/audit?limit=1').expect(200);
      t.clock.advance(DAY_MS);
    }
    const kept = await run('audit', 'prune');
    expect(kept).toMatchObject({ code: 0, stderr: '' });
    expect(kept.stdout).toMatch(
      /^[1-9]\d* records from before 2026-01-07T00:00:00\.000Z were taken away\.$/m,
    );
    const again = await run('audit', 'prune', '--json');
    expect(JSON.parse(again.stdout)).toEqual({
      before: '2026-01-07T00:00:00.000Z',
      records: 0,
      oldest: expect.stringMatching(/^2026-01-07T/) as string,
      more: false,
      held: false,
      refused: [],
    });
    const verified = await run('audit', 'verify');
    expect(verified).toMatchObject({ code: 0, stderr: '' });
    expect(verified.stdout).toMatch(/^chain +records +ok +first broken sequence +pruned up to +pruned at$/m);
    expect(verified.stdout).toMatch(/^process\/\S+ +\d+ +true +[1-9]\d* +2026-02-06T/m);
    expect(verified.stdout).toContain('The audit log is whole.');
    const told = await run('audit', 'list', '--event', 'audit.pruned', '--json');
    const { items } = JSON.parse(told.stdout) as { items: { details: { chain: string } }[] };
    expect(items.map(({ details }) => details.chain.replace(/\/.*/, '')).sort()).toEqual([
      'changes',
      'process',
    ]);
    expect(await metrics()).toMatch(/^symbolon_audit_records_pruned_total [1-9]/m);
  });

  it('says that older ones are left while seven days at a time are not all of them', async () => {
    for (let day = 0; day < 10; day++) {
      await t.signIn();
      t.clock.advance(DAY_MS);
    }
    const first = await run('audit', 'prune');
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toContain('Older ones are left: this takes seven days of the log at a time.');
    const second = await run('audit', 'prune');
    expect(second.stdout).toMatch(
      /^[1-9]\d* records from before 2026-01-17T00:00:00\.000Z were taken away\.$/m,
    );
    expect(second.stdout).not.toContain('Older ones are left');
  });

  it('takes nothing on the word of a clock that was set ahead, and says why', async () => {
    t.clock.jump(2_000 * DAY_MS);
    const held = await run('audit', 'prune');
    expect(held).toMatchObject({ code: 0, stderr: '' });
    expect(held.stdout).toContain('Nothing was taken: some week of the last five left no record');
    expect(await metrics()).toMatch(/^symbolon_audit_pruning_held\{reason="clock"\} 1$/m);
    const { body } = await t.admin.get('/admin/doctor').expect(200);
    expect(body.findings).toContainEqual(
      expect.objectContaining({ subject: 'audit log', ok: true, warning: true }),
    );
    expect((await run('audit', 'verify')).code).toBe(0);
  });
});
