const WORDS = {
  en: {
    title: 'Traces', search: 'Search', minutes: 'Last minutes', query: 'TraceQL', back: 'All traces', map: 'Service map', logs: 'Log lines',
    none: 'No log lines of this trace.', waterfall: 'Waterfall', nothing: 'No traces. Ask the gateway for something, then search again.',
    token: 'Token of role ops', open: 'Open', hint: 'Get one by: .venv/bin/marquectl token --role ops',
    refused: 'This token does not hold the role ops, or is over.',
  },
  zh: {
    title: '调用链', search: '查询', minutes: '最近（分钟）', query: 'TraceQL', back: '全部调用链', map: '服务图', logs: '日志',
    none: '此调用链没有日志。', waterfall: '瀑布图', nothing: '没有调用链。请先向网关发出请求，然后再查询。',
    token: 'ops 角色的令牌', open: '打开', hint: '取得令牌：.venv/bin/marquectl token --role ops',
    refused: '此令牌没有 ops 角色，或已过期。',
  },
};

export const words = navigator.language.startsWith('zh') ? WORDS.zh : WORDS.en;
