import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { expect, it } from 'vitest';
import { buildProgram } from '../../src/cli/command-line.ts';

const root = resolve(import.meta.dirname, '../..');
const documents = globSync(['*.md', 'docs/**/*.md', 'sdk-web/*.md'], { cwd: root }).sort();

/** The commands of a document: lines of shell examples, and whole pieces of code within sentences. */
function commandsOf(text: string): string[] {
  const blocks = [...text.matchAll(/^```(?:sh|bash|console)\n([\s\S]*?)^```/gm)].map(
    (match) => match[1] ?? '',
  );
  const lines = blocks.flatMap((block) => block.replaceAll('\\\n', ' ').split('\n'));
  const pieces = [...text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/`([^`]+)`/g)].map((match) =>
    (match[1] ?? '').replaceAll('\n', ' '),
  );
  return [...lines, ...pieces].flatMap((line) => {
    const call = /^\s*(?:\$ )?(?:npm run symbolon -- |npx )?symbolon +(\S.*)$/.exec(line)?.[1];
    return call === undefined ? [] : [call.replace(/ #.*$/, '').replace(/ *[|>].*$/, '')];
  });
}

/** What of a command line nobody knows: a word that is no command, or an option that the command does not take. */
function unknownPart(program: Command, line: string): string | undefined {
  const known = (command: Command) => command.options.flatMap(({ long, short }) => [long, short]);
  const options = [...known(program), '--help', '-h'];
  let command = program;
  for (const word of line.split(/ +/)) {
    const child = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (child) {
      command = child;
      options.push(...known(child));
    } else if (/^--?[a-z]/.test(word)) {
      if (!options.includes(word.split('=')[0])) return word;
    } else if (command.commands.length > 0 && /^[a-z]+(-[a-z]+)*$/.test(word)) return word;
  }
  return undefined;
}

it('commands in the documents are commands and options that there are', async () => {
  const program = await buildProgram([]);
  const found = documents.flatMap((path) =>
    commandsOf(readFileSync(join(root, path), 'utf8')).map((line) => ({ path, line })),
  );
  expect(found.length).toBeGreaterThan(100);
  const wrong = found.flatMap(({ path, line }) => {
    const unknown = unknownPart(program, line);
    return unknown === undefined ? [] : [`${path}: symbolon ${line} (${unknown})`];
  });
  expect(wrong).toEqual([]);
  expect(unknownPart(program, 'report')).toBe('report');
  expect(unknownPart(program, 'keys report --al')).toBe('--al');
});
