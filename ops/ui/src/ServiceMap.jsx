import * as echarts from 'echarts';
import { useEffect, useRef } from 'react';
import { serviceMap } from './serviceMap';

const LOOKS = {
  service: { symbol: 'roundRect', itemStyle: { color: '#3b6fb6' } },
  database: { symbol: 'circle', itemStyle: { color: '#6a8f3c' } },
  broker: { symbol: 'diamond', itemStyle: { color: '#b0702c' } },
};

export function ServiceMap({ trace }) {
  const place = useRef(null);
  useEffect(() => {
    const chart = echarts.init(place.current);
    const { nodes, edges } = serviceMap(trace);
    chart.setOption({
      animation: false,
      series: [
        {
          type: 'graph',
          layout: 'circular',
          top: 30,
          bottom: 50, // the lowest node's name stands below it
          roam: true,
          symbolSize: 46,
          edgeSymbol: ['none', 'arrow'],
          label: { show: true, position: 'bottom' },
          edgeLabel: { show: true, formatter: ({ data }) => `${data.calls}×` },
          data: nodes.map(({ name, kind }) => ({ name, ...LOOKS[kind] })),
          links: edges.map(({ from, to, calls, failed }) => ({
            source: from,
            target: to,
            calls,
            lineStyle: { curveness: 0.15, width: 2, color: failed ? '#c62828' : '#888' },
          })),
        },
      ],
    });
    const resized = new ResizeObserver(() => chart.resize());
    resized.observe(place.current);
    return () => {
      resized.disconnect();
      chart.dispose();
    };
  }, [trace]);
  return <div ref={place} data-testid="service-map" style={{ height: 300 }} />;
}
