import { Alert, Box, Button, Stack, TextField, Typography } from '@mui/material';
import { TraceTablePanel } from '@perses-dev/trace-table-plugin';
import { useCallback, useEffect, useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router-dom';
import { keepToken, search, token } from './api';
import { Trace } from './Trace';
import { words } from './words';

const DEFINITION = { kind: 'TraceQuery', spec: { plugin: { kind: 'TempoTraceQuery', spec: {} } } };

function Door({ onOpen }) {
  const [typed, setTyped] = useState('');
  return (
    <Stack component="form" spacing={2} sx={{ maxWidth: 560 }} onSubmit={(event) => { event.preventDefault(); keepToken(typed); onOpen(); }}>
      <TextField label={words.token} value={typed} onChange={(event) => setTyped(event.target.value)} type="password" helperText={words.hint} />
      <Button type="submit" variant="contained" disabled={!typed}>{words.open}</Button>
    </Stack>
  );
}

function Search({ query, minutes, onSearch }) {
  const [typed, setTyped] = useState(query);
  const [range, setRange] = useState(minutes);
  return (
    <Stack component="form" direction="row" spacing={2} onSubmit={(event) => { event.preventDefault(); onSearch(typed, range); }}>
      <TextField label={words.query} value={typed} onChange={(event) => setTyped(event.target.value)} sx={{ flexGrow: 1 }} placeholder='{ status = error || duration > 100ms }' />
      <TextField label={words.minutes} value={range} onChange={(event) => setRange(event.target.value.replace(/\D/g, ''))} sx={{ width: 140 }} />
      <Button type="submit" variant="contained">{words.search}</Button>
    </Stack>
  );
}

export function App() {
  const [given] = useSearchParams();
  const navigate = useNavigate();
  const [open, setOpen] = useState(Boolean(token()));
  const [found, setFound] = useState(null);
  const [error, setError] = useState('');
  const query = given.get('q') ?? '';
  const minutes = given.get('minutes') ?? '60';
  const traceId = given.get('trace');
  const failed = useCallback((problem) => {
    setError(problem.status === 401 || problem.status === 403 ? words.refused : problem.message);
    if (problem.status === 401 || problem.status === 403) setOpen(false);
  }, []);
  const look = useCallback(() => {
    setError('');
    search(query, Number(minutes) || 60).then(setFound, failed);
  }, [query, minutes, failed]);
  useEffect(() => { if (open && !traceId) look(); }, [open, traceId, look]);
  const list = () => navigate(`/?${new URLSearchParams({ q: query, minutes })}`);
  return (
    <Stack spacing={2} sx={{ padding: 3 }}>
      <Typography variant="h1">Marque: {words.title}</Typography>
      {error && <Alert severity="error">{error}</Alert>}
      {!open && <Door onOpen={() => { setError(''); setOpen(true); }} />}
      {open && traceId && <Trace traceId={traceId} onBack={list} onError={failed} />}
      {open && !traceId && (
        <>
          <Search query={query} minutes={minutes} onSearch={(q, range) => { navigate(`/?${new URLSearchParams({ q, minutes: range })}`); if (q === query) look(); }} />
          <Box data-testid="traces" sx={{ minHeight: 400 }}>
            {found && !found.length && <Typography>{words.nothing}</Typography>}
            {found && found.length > 0 && (
              <TraceTablePanel
                spec={{ links: { trace: '/?trace=${traceId}' }, visual: { palette: { mode: 'categorical' } } }}
                queryResults={[{ definition: DEFINITION, data: { searchResult: found } }]}
              />
            )}
          </Box>
        </>
      )}
    </Stack>
  );
}
