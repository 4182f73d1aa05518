import { CssBaseline, ThemeProvider } from '@mui/material';
import { ChartsProvider, SnackbarProvider, generateChartsTheme, getTheme } from '@perses-dev/components';
import { VariableProvider } from '@perses-dev/dashboards';
import { PluginRegistry, RouterProvider, TimeRangeProvider, dynamicImportPluginLoader } from '@perses-dev/plugin-system';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createRoot } from 'react-dom/client';
import { BrowserRouter, Link, useNavigate } from 'react-router-dom';
import { App } from './App';

const theme = getTheme('light');
const charts = generateChartsTheme(theme, {});
const queries = new QueryClient({ defaultOptions: { queries: { refetchOnWindowFocus: false, retry: false } } });
const plugins = dynamicImportPluginLoader([]); // the panels are used as they are, none is looked up by name

function Surroundings({ children }) {
  const navigate = useNavigate();
  return (
    <RouterProvider RouterComponent={Link} navigate={navigate}>
      {children}
    </RouterProvider>
  );
}

createRoot(document.getElementById('root')).render(
  <ThemeProvider theme={theme}>
    <CssBaseline />
    <ChartsProvider chartsTheme={charts}>
      <SnackbarProvider>
        <QueryClientProvider client={queries}>
          <PluginRegistry pluginLoader={plugins}>
            <TimeRangeProvider timeRange={{ pastDuration: '1h' }} refreshInterval="0s">
              <VariableProvider>
                <BrowserRouter basename="/ops/traces">
                  <Surroundings>
                    <App />
                  </Surroundings>
                </BrowserRouter>
              </VariableProvider>
            </TimeRangeProvider>
          </PluginRegistry>
        </QueryClientProvider>
      </SnackbarProvider>
    </ChartsProvider>
  </ThemeProvider>,
);
