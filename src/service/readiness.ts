const READY_TIMEOUT_MS = 1_500;

/** Whether every store answers a ping within a second and a half. */
export async function storesAnswer(pings: readonly (() => Promise<unknown>)[]): Promise<boolean> {
  const checks = Promise.all(pings.map((ping) => ping())).then(
    () => true,
    () => false,
  );
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), READY_TIMEOUT_MS);
  });
  return Promise.race([checks, late]).finally(() => clearTimeout(timer));
}
