/** Tells what a run has measured; `npm test` keeps it to itself. */
export function tell(line: string): void {
  if (process.env['SYMBOLON_PROGRAM'] !== undefined) console.log(line);
}

export const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? 0;
