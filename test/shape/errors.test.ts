import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorCatalogue, oauthErrorCatalogue } from '../../src/errors.ts';
import { statusOf } from '../../src/http/error-response.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

interface Section {
  code: string;
  status: number;
  advice: string;
}

/** The sections of the manual that describe a code, from one chapter to the next. */
function sections(text: string): Section[] {
  return text
    .split(/^### /m)
    .slice(1)
    .map((section) => ({
      code: /^`([A-Za-z_]+)`$/m.exec(section.split('\n')[0] ?? '')?.[1] ?? section.slice(0, 40),
      status: Number(/^\*\*Status (\d{3})\.\*\* \S/m.exec(section)?.[1]),
      advice: /^- \*\*Do:\*\* \S[\s\S]*^- \*\*Retry:\*\* (no|once|yes)\b/m.exec(section)?.[1] ?? '',
    }));
}

const [, api = '', oauth = ''] = read('docs/errors.md').split(/^## Codes of /m);
const catalogues = [
  { name: 'the envelope', documented: sections(api), codes: Object.keys(errorCatalogue) },
  {
    name: 'the OAuth 2.0 endpoints',
    documented: sections(oauth),
    codes: Object.keys(oauthErrorCatalogue),
  },
];

describe.each(catalogues)('the errors of $name', ({ documented, codes }) => {
  it('are all in the manual, once each, and no others', () => {
    expect(codes.length).toBeGreaterThan(5);
    expect(documented.map(({ code }) => code).sort()).toEqual([...codes].sort());
  });

  it('have the status there that callers get', () => {
    const given = documented.map(({ code }) => [code, statusOf(code as Parameters<typeof statusOf>[0])]);
    expect(documented.map(({ code, status }) => [code, status])).toEqual(given);
  });

  it('all say what to do and whether another try makes sense', () => {
    expect(documented.filter(({ advice }) => advice === '').map(({ code }) => code)).toEqual([]);
  });
});

describe('the error catalogue', () => {
  it('holds no code of the envelope that nothing gives', () => {
    const source = globSync('src/**/*.ts', { cwd: root })
      .filter((path) => path !== 'src/errors.ts')
      .map(read)
      .join('\n');
    expect(Object.keys(errorCatalogue).filter((code) => !source.includes(`'${code}'`))).toEqual([]);
  });

  it('names every code in upper snake case, and those of OAuth in lower case', () => {
    expect(Object.keys(errorCatalogue).filter((code) => !/^[A-Z]+(_[A-Z]+)*$/.test(code))).toEqual([]);
    expect(Object.keys(oauthErrorCatalogue).filter((code) => !/^[a-z]+(_[a-z]+)*$/.test(code))).toEqual([]);
  });

  it('never promises a wait that helps where the manual says that no retry does', () => {
    const said = new Map(
      catalogues.flatMap((one) => one.documented).map(({ code, advice }) => [code, advice]),
    );
    const waiting = Object.entries(errorCatalogue).filter(([, { kind }]) =>
      ['rate_limited', 'unavailable'].includes(kind),
    );
    expect(waiting.length).toBeGreaterThan(3);
    expect(waiting.map(([code]) => [code, said.get(code)])).toEqual(waiting.map(([code]) => [code, 'yes']));
  });
});
