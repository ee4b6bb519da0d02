import { Link } from "wouter";
import { buttonClass } from "../kit/button";
import { Page } from "../kit/page";
import { EmptyState } from "../kit/states";

export function NotFound() {
  return (
    <Page title="Not found">
      <EmptyState title="There is no page at this address" actions={<Link className={buttonClass("primary")} href="/traces">Open traces</Link>}>
        <p>The address may have been cut when it was copied.</p>
      </EmptyState>
    </Page>
  );
}
