import { Box, Button, Stack, Typography } from '@mui/material';
import { TracingGanttChartPanel } from '@perses-dev/tracing-gantt-chart-plugin';
import { useEffect, useState } from 'react';
import { lines, trace as fetchTrace } from './api';
import { ServiceMap } from './ServiceMap';
import { words } from './words';

const DEFINITION = { kind: 'TraceQuery', spec: { plugin: { kind: 'TempoTraceQuery', spec: {} } } };

export function Trace({ traceId, onBack, onError }) {
  const [trace, setTrace] = useState(null);
  const [logs, setLogs] = useState([]);
  useEffect(() => {
    fetchTrace(traceId).then(setTrace, onError);
    lines(traceId).then(setLogs);
  }, [traceId]);
  if (!trace) return null;
  return (
    <Stack spacing={2}>
      <Box>
        <Button onClick={onBack}>← {words.back}</Button>
      </Box>
      <Typography variant="h2">{words.waterfall}</Typography>
      <Box data-testid="waterfall" sx={{ height: 720 }}>
        <TracingGanttChartPanel
          spec={{ visual: { palette: { mode: 'categorical' } } }}
          queryResults={[{ definition: DEFINITION, data: { trace } }]}
        />
      </Box>
      <Typography variant="h2">{words.map}</Typography>
      <ServiceMap trace={trace} />
      <Typography variant="h2">{words.logs}</Typography>
      <Box data-testid="logs" component="pre" sx={{ fontSize: 12, overflow: 'auto' }}>
        {logs.length ? logs.map((one) => `${one.time} ${one.level} ${one.service} ${one.logger}: ${one.message}`).join('\n') : words.none}
      </Box>
    </Stack>
  );
}
