import { Component, type ReactNode } from "react";
import { ErrorState } from "../kit/states";

/** Keeps the shell alive when a screen fails to draw. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return (
      <main id="main">
        <ErrorState title="This screen could not be drawn" error={this.state.error} onRetry={() => this.setState({ error: null })} />
      </main>
    );
  }
}
