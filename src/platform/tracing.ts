import type { Context, Span, SpanKind, SpanStatusCode, TraceAPI, Tracer } from '@opentelemetry/api';
import { programVersion } from './version.ts';

/** Values come from closed sets, as those of metric labels do: no secret, no identifier, no address. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export interface RunningSpan {
  /** The span as `traceparent` (W3C Trace Context section 3.2), for calls that are made within it. */
  readonly traceparent: string;
  set(attributes: SpanAttributes): void;
}

export interface RequestSpan {
  /** Runs `work`, and all that it starts, within the span. */
  run(work: () => void): void;
  /** Ends the span. `failed`: the fault is ours (5xx), not the caller's. */
  end(name: string, attributes: SpanAttributes, failed: boolean): void;
}

/** Spans for whatever SDK the operator loaded with `--import`. */
export interface Tracing {
  /** Runs `work` as a span below the running one. When it rejects, the span says so by the error's code alone. */
  span<T>(
    name: string,
    options: { attributes?: SpanAttributes; kind?: 'internal' | 'client' },
    work: (span: RunningSpan) => Promise<T>,
  ): Promise<T>;
  /** Opens the span of a request. Of what the caller sent only a well-formed `traceparent` counts. */
  request(traceparent: string | undefined): RequestSpan;
}

/** Where every copy of the API of this major version keeps what an SDK registered. */
const REGISTERED = Symbol.for('opentelemetry.js.api.1');

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const ZEROS = /^0+$/;

// The values of the API's enums, which exist at run time only once the API is loaded.
const INTERNAL: SpanKind.INTERNAL = 0;
const SERVER: SpanKind.SERVER = 1;
const CLIENT: SpanKind.CLIENT = 2;
const FAILED: SpanStatusCode.ERROR = 2;

/** The machine code of an error; messages may hold what must not be told. */
function errorType(error: unknown): string {
  const { code, failure } = (error ?? {}) as { code?: unknown; failure?: unknown };
  if (typeof code === 'string') return code;
  if (typeof failure === 'string') return failure;
  return error instanceof Error ? error.name : 'unknown';
}

function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

type OpenTelemetry = typeof import('@opentelemetry/api');

/** The caller's span as a parent; a new trace for anything that is not one. */
function parentOf(trace: TraceAPI, root: Context, traceparent: string | undefined): Context {
  const [, traceId = '', spanId = '', flags = ''] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  if (traceId === '' || ZEROS.test(traceId) || ZEROS.test(spanId)) return root;
  return trace.setSpanContext(root, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
  });
}

function tracingOver({ context, trace, ROOT_CONTEXT }: OpenTelemetry, tracer: Tracer): Tracing {
  return {
    async span(name, { attributes = {}, kind = 'internal' }, work) {
      const span = tracer.startSpan(name, { attributes, kind: kind === 'client' ? CLIENT : INTERNAL });
      const running: RunningSpan = {
        traceparent: traceparentOf(span),
        set: (more) => void span.setAttributes(more),
      };
      try {
        return await context.with(trace.setSpan(context.active(), span), () => work(running));
      } catch (error) {
        span.setAttributes({ 'error.type': errorType(error) });
        span.setStatus({ code: FAILED });
        throw error;
      } finally {
        span.end();
      }
    },
    request(traceparent) {
      const parent = parentOf(trace, ROOT_CONTEXT, traceparent);
      const span = tracer.startSpan('request', { kind: SERVER }, parent);
      const within = trace.setSpan(parent, span);
      return {
        run: (work) => context.with(within, work),
        end: (name, attributes, failed) => {
          span.updateName(name);
          span.setAttributes(attributes);
          if (failed) span.setStatus({ code: FAILED });
          span.end();
        },
      };
    },
  };
}

/**
 * Spans by the OpenTelemetry SDK that this process was started with; `undefined` when there is none, so that whoever
 * would make spans is wired without them and a request pays nothing.
 */
export async function openTracing(): Promise<Tracing | undefined> {
  const registered = (globalThis as Record<symbol, unknown>)[REGISTERED] as { trace?: unknown } | undefined;
  if (registered?.trace === undefined) return undefined;
  const api = await import('@opentelemetry/api');
  return tracingOver(api, api.trace.getTracer('symbolon', programVersion()));
}
