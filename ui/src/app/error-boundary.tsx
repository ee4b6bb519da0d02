import { Component, type ReactNode } from "react";
import { Button } from "../kit/button";
import { EmptyState, ErrorState } from "../kit/states";
import { isMissingPart } from "../lib/build";

interface Props {
  /** The path that is shown: another one is another chance. */
  path: string;
  children: ReactNode;
}

interface State {
  error: unknown;
  path: string;
}

/** Keeps the shell alive when a screen fails to draw, or cannot be loaded. */
export class ErrorBoundary extends Component<Props, State> {
  override state: State = { error: null, path: this.props.path };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  static getDerivedStateFromProps({ path }: Props, state: State): State | null {
    return path === state.path ? null : { error: null, path };
  }

  override render() {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return (
      <main id="main">
        {isMissingPart(error) ? (
          <EmptyState
            title="This screen could not be loaded"
            actions={
              <Button look="primary" onClick={() => window.location.reload()}>
                Reload
              </Button>
            }
          >
            <p>Spanlake does not answer, or a newer version is running that has no such part any more. The address keeps what was asked for.</p>
          </EmptyState>
        ) : (
          <ErrorState title="This screen could not be drawn" error={error} onRetry={() => this.setState({ error: null })} />
        )}
      </main>
    );
  }
}
