// Tempo's HTTP API as the gateway passes it on; the token stays in this tab.
const KEY = 'marque.token';

export function keepToken(token) {
  sessionStorage.setItem(KEY, token.trim());
}

export function token() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given) {
    keepToken(given);
    history.replaceState(null, '', location.pathname + location.search);
  }
  return sessionStorage.getItem(KEY) ?? '';
}

async function get(path, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  const answer = await fetch(`/ops/traces/api/${path}${query ? `?${query}` : ''}`, { headers: { authorization: `Bearer ${token()}` } });
  if (!answer.ok) {
    const text = await answer.text();
    let told = text;
    try {
      told = JSON.parse(text).detail ?? text;
    } catch {
      // Tempo answers errors as plain text
    }
    throw Object.assign(new Error(told || `${answer.status}`), { status: answer.status });
  }
  return answer.json();
}

export async function search(query, minutes) {
  const end = Math.ceil(Date.now() / 1000);
  const found = await get('search', { q: query || '{}', limit: 50, start: end - minutes * 60, end });
  return (found.traces ?? []).map((one) => ({
    traceId: one.traceID,
    rootServiceName: one.rootServiceName,
    rootTraceName: one.rootTraceName,
    startTimeUnixMs: Number(one.startTimeUnixNano) / 1e6,
    durationMs: one.durationMs ?? 0,
    serviceStats: one.serviceStats ?? {},
  }));
}

// Tempo writes ids in base64, as protobuf's JSON form does; the panels want hex, as OTLP's does.
function hex(id, length) {
  if (!id || id.length === length) return id;
  return Array.from(atob(id), (char) => char.charCodeAt(0).toString(16).padStart(2, '0')).join('');
}

export async function trace(traceId) {
  const { batches } = await get(`traces/${traceId}`);
  for (const span of batches.flatMap((batch) => batch.scopeSpans.flatMap((scope) => scope.spans))) {
    span.traceId = hex(span.traceId, 32);
    span.spanId = hex(span.spanId, 16);
    span.parentSpanId = hex(span.parentSpanId, 16);
    for (const link of span.links ?? []) {
      link.traceId = hex(link.traceId, 32);
      link.spanId = hex(link.spanId, 16);
    }
  }
  return { resourceSpans: batches };
}

// A real Tempo has no log lines: then there are none to show.
export async function lines(traceId) {
  try {
    return (await get(`logs/${traceId}`)).lines ?? [];
  } catch {
    return [];
  }
}
