/** `undefined` of a record as the `NULL` of a row. */
export function orNull<T>(value: T | undefined): T | null {
  return value === undefined ? null : value;
}

/** `NULL` of a row as the `undefined` of a record. */
export function orUndefined<T>(value: T | null): T | undefined {
  return value === null ? undefined : value;
}

/** Whether a row can have this text as a key. PostgreSQL refuses NUL, so what holds one is in no row. */
export function mayBeStored(text: string): boolean {
  return !text.includes('\0');
}

/** How many rows an insert added: 0 when `on conflict do nothing` did nothing. */
export function insertedRows(result: { numInsertedOrUpdatedRows?: bigint | undefined }): number {
  return Number(result.numInsertedOrUpdatedRows ?? 0n);
}
