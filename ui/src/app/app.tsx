import { lazy, Suspense } from "react";
import { Route, Switch, useLocation } from "wouter";
import { TimeProvider } from "../kit/time-context";
import { OverviewScreen } from "../screens/overview/overview-screen";
import { ErrorBoundary } from "./error-boundary";
import { NotFound } from "./not-found";
import { Shell } from "./shell";

const TracesScreen = lazy(async () => ({ default: (await import("../screens/traces/traces-screen")).TracesScreen }));
const TraceScreen = lazy(async () => ({ default: (await import("../screens/trace/trace-screen")).TraceScreen }));
const CompareScreen = lazy(async () => ({ default: (await import("../screens/compare/compare-screen")).CompareScreen }));
const MapScreen = lazy(async () => ({ default: (await import("../screens/map/map-screen")).MapScreen }));
const LogsScreen = lazy(async () => ({ default: (await import("../screens/logs/logs-screen")).LogsScreen }));
const ServicesScreen = lazy(async () => ({ default: (await import("../screens/services/services-screen")).ServicesScreen }));
const ServiceScreen = lazy(async () => ({ default: (await import("../screens/service/service-screen")).ServiceScreen }));
const FlowScreen = lazy(async () => ({ default: (await import("../screens/flow/flow-screen")).FlowScreen }));
const SqlScreen = lazy(async () => ({ default: (await import("../screens/sql/sql-screen")).SqlScreen }));
const SystemScreen = lazy(async () => ({ default: (await import("../screens/system/system-screen")).SystemScreen }));
const SetupScreen = lazy(async () => ({ default: (await import("../screens/setup/setup-screen")).SetupScreen }));

/**
 * Routes. A screen is a lazy chunk, but for the first one, which is there with the shell; a new
 * screen is a line here and an entry in the rail.
 */
export function App() {
  const [path] = useLocation();
  return (
    <TimeProvider>
      <Shell>
        <ErrorBoundary path={path}>
          <Suspense fallback={<main id="main" aria-busy="true" />}>
            <Switch>
              <Route path="/" component={OverviewScreen} />
              <Route path="/map" component={MapScreen} />
              <Route path="/traces" component={TracesScreen} />
              <Route path="/trace/:traceId">{({ traceId }) => <TraceScreen key={traceId} traceId={traceId} />}</Route>
              <Route path="/compare/:pair">{({ pair }) => <CompareScreen pair={pair} />}</Route>
              <Route path="/flow">{() => <FlowScreen value="" />}</Route>
              <Route path="/flow/:value">{({ value }) => <FlowScreen value={decodeURIComponent(value)} />}</Route>
              <Route path="/logs" component={LogsScreen} />
              <Route path="/services" component={ServicesScreen} />
              <Route path="/services/:name">{({ name }) => <ServiceScreen key={name} name={decodeURIComponent(name)} />}</Route>
              <Route path="/sql" component={SqlScreen} />
              <Route path="/system" component={SystemScreen} />
              <Route path="/setup" component={SetupScreen} />
              <Route component={NotFound} />
            </Switch>
          </Suspense>
        </ErrorBoundary>
      </Shell>
    </TimeProvider>
  );
}
