// From the spans of a trace to who called whom: services, their database and the broker, and how often.
const value = (attributes, key) => (attributes ?? []).find((one) => one.key === key)?.value?.stringValue;

export function serviceMap({ resourceSpans }) {
  const spans = new Map();
  for (const batch of resourceSpans) {
    const service = value(batch.resource?.attributes, 'service.name') ?? 'unknown';
    for (const span of batch.scopeSpans.flatMap((scope) => scope.spans)) spans.set(span.spanId, { ...span, service });
  }
  const nodes = new Map();
  const edges = new Map();
  const node = (name, kind) => nodes.set(name, nodes.get(name) ?? { name, kind });
  const edge = (from, to, failed) => {
    const key = `${from} → ${to}`;
    const found = edges.get(key) ?? { from, to, calls: 0, failed: 0 };
    edges.set(key, { ...found, calls: found.calls + 1, failed: found.failed + (failed ? 1 : 0) });
  };
  for (const span of spans.values()) {
    node(span.service, 'service');
    const failed = span.status?.code === 'STATUS_CODE_ERROR';
    const parent = spans.get(span.parentSpanId);
    if (value(span.attributes, 'db.system.name')) {
      node(`${span.service}.db`, 'database');
      edge(span.service, `${span.service}.db`, failed);
    } else if (value(span.attributes, 'messaging.system')) {
      node('NATS', 'broker');
      if (span.name.startsWith('process ')) edge('NATS', span.service, failed);
      if (span.name.startsWith('publish ') || span.name.startsWith('create ')) edge(span.service, 'NATS', failed);
    } else if (parent && parent.service !== span.service) {
      edge(parent.service, span.service, failed);
    }
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}
