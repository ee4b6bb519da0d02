import { useQueries } from "@tanstack/react-query";
import type { anyTraceQuery } from "../api/queries";
import { describeBound, describeFilter, EMPTY_SEARCH, type SearchState } from "../lib/filters";
import { Button } from "./button";
import { EmptyState } from "./states";

/** More conditions than this are not tried one by one. */
const TRIED_MAX = 8;

interface Without {
  label: string;
  state: SearchState;
}

/**
 * Nothing matches: tries the search without each condition and offers what would bring results.
 * `exists` is a query that answers whether a search has any result.
 */
export function NothingMatches(props: {
  noun: string;
  explanation: string;
  state: SearchState;
  exists: (state: SearchState) => ReturnType<typeof anyTraceQuery>;
  onChange: (state: SearchState) => void;
}) {
  const tries = withoutEach(props.state).slice(0, TRIED_MAX);
  const answers = useQueries({ queries: tries.length > 1 ? tries.map((one) => props.exists(one.state)) : [] });
  const helpful = tries.filter((_, i) => answers[i]?.data === true);
  const settled = answers.every((answer) => !answer.isPending);
  return (
    <EmptyState
      title={`No ${props.noun} matches in this range`}
      actions={
        <>
          {helpful.map((one) => (
            <Button key={one.label} onClick={() => props.onChange(one.state)}>
              Remove {one.label}
            </Button>
          ))}
          <Button look="primary" onClick={() => props.onChange(EMPTY_SEARCH)}>
            Clear all filters
          </Button>
        </>
      }
    >
      <p>{props.explanation}</p>
      {tries.length > 1 && settled && (
        <p>{helpful.length > 0 ? "Without one of these there are results:" : "Removing any single condition does not help; widen the range with z."}</p>
      )}
    </EmptyState>
  );
}

function withoutEach(state: SearchState): Without[] {
  const tries = state.filters.map((filter): Without => {
    const { field, op, value } = describeFilter(filter);
    return { label: `${field} ${op} ${value}`, state: { ...state, filters: state.filters.filter((other) => other !== filter) } };
  });
  if (state.min !== null) tries.push({ label: `duration ${describeBound("min", state.min)}`, state: { ...state, min: null } });
  if (state.max !== null) tries.push({ label: `duration ${describeBound("max", state.max)}`, state: { ...state, max: null } });
  if (state.q !== "") tries.push({ label: `the words “${state.q}”`, state: { ...state, q: "" } });
  return tries;
}
