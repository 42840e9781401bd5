import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Input } from './mutations.ts';

const folder = resolve(import.meta.dirname, 'corpus');
const fileOf = (target: string) => join(folder, `${target}.json`);

/** Inputs of a target that were worth keeping: those that once failed, and odd ones that a person wrote down. */
export function readCorpus(target: string): Input[] {
  const file = fileOf(target);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Input[]) : [];
}

/** Adds an input that failed, so that every later run begins with it. */
export function keepInCorpus(target: string, input: Input): void {
  const all = [...new Set([...readCorpus(target), input])];
  writeFileSync(fileOf(target), `${JSON.stringify(all, null, 2)}\n`);
}
