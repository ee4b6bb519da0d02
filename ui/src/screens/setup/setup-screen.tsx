import { useQuery } from "@tanstack/react-query";
import { statusQuery } from "../../api/queries";
import { Page } from "../../kit/page";
import { SetupCard } from "../../kit/setup-card";
import { ErrorState } from "../../kit/states";

/** The addresses to send to, at any time. */
export function SetupScreen() {
  const status = useQuery(statusQuery());
  return (
    <Page title="Connect">
      {status.data && <SetupCard status={status.data} waiting={status.data.signals.spans.rows + status.data.signals.logs.rows === 0} />}
      {status.isError && !status.data && <ErrorState title="The addresses could not be read" error={status.error} onRetry={() => void status.refetch()} />}
    </Page>
  );
}
