import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  context,
  type ContextManager,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  type SpanOptions,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';

/** A span that has ended. */
export interface EndedSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentId: string | undefined;
  attributes: Record<string, unknown>;
  failed: boolean;
}

/** Follows asynchronous calls, as the context manager of every SDK for Node does. */
function contextManager(): ContextManager {
  const storage = new AsyncLocalStorage<Context>();
  const manager: ContextManager = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (active, work, self, ...values) => storage.run(active, () => work.call(self as never, ...values)),
    bind: (_active, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  return manager;
}

/** The smallest SDK: what it is told through the API of OpenTelemetry, it keeps. */
function keepingTracer(ended: EndedSpan[]): Tracer {
  let made = 0;
  const startSpan = (name: string, options: SpanOptions = {}, within: Context = context.active()): Span => {
    const parent = trace.getSpanContext(within);
    made += 1;
    const own: SpanContext = {
      traceId: parent?.traceId ?? made.toString(16).padStart(32, 'a'),
      spanId: made.toString(16).padStart(16, '0'),
      traceFlags: parent?.traceFlags ?? 1,
    };
    const kept: EndedSpan = {
      name,
      traceId: own.traceId,
      spanId: own.spanId,
      parentId: parent?.spanId,
      attributes: { ...options.attributes },
      failed: false,
    };
    const span: Span = {
      spanContext: () => own,
      setAttribute: (key, value) => span.setAttributes({ [key]: value }),
      setAttributes: (more) => {
        Object.assign(kept.attributes, more);
        return span;
      },
      addEvent: () => span,
      addLink: () => span,
      addLinks: () => span,
      setStatus: ({ code }) => {
        kept.failed = code === SpanStatusCode.ERROR;
        return span;
      },
      updateName: (next) => {
        kept.name = next;
        return span;
      },
      end: () => void ended.push(kept),
      isRecording: () => true,
      recordException: () => {},
    };
    return span;
  };
  return { startSpan, startActiveSpan: () => Promise.reject(new Error('is not used')) as never };
}

/** Registers an SDK that keeps spans in memory, as `--import` would before the service is started. */
export function keepSpans(): { ended: EndedSpan[]; stop(): void } {
  const ended: EndedSpan[] = [];
  const tracer = keepingTracer(ended);
  context.setGlobalContextManager(contextManager());
  trace.setGlobalTracerProvider({ getTracer: () => tracer });
  return {
    ended,
    stop: () => {
      trace.disable();
      context.disable();
    },
  };
}
