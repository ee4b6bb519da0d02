import { Dialog } from "../kit/dialog";
import { SCREENS } from "./screens-list";
import css from "./shell.module.css";

const GROUPS: { title: string; keys: [keys: string, what: string][] }[] = [
  {
    title: "Everywhere",
    keys: [
      ["Ctrl K", "Go to a trace id, service or screen"],
      ["/", "Search field of the screen"],
      ["t", "Time range"],
      ["[ ]", "Earlier, later"],
      [".", "Until now"],
      ["z", "Wider range"],
      ["r", "Refresh"],
      ["d", "Dark or light"],
      ["y", "Copy link"],
      ["?", "This sheet"],
    ],
  },
  { title: "Go to", keys: SCREENS.map((screen) => [`g ${screen.key}`, screen.label]) },
  {
    title: "Map",
    keys: [
      ["Enter", "Figures of the node, again: into them"],
      ["⇧ Enter", "Focus on the node"],
      ["Esc", "Close the figures"],
      ["⇧ F10", "Menu of the node"],
      ["+ - 0 f", "Zoom in, out, full size, show everything"],
    ],
  },
  {
    title: "List of traces",
    keys: [
      ["↑ ↓", "Previous, next trace"],
      ["x", "Mark to compare"],
      ["X", "Compare the two that are marked"],
    ],
  },
  {
    title: "Waterfall",
    keys: [
      ["↑ ↓", "Previous, next row"],
      ["→ ←", "Unfold or child, fold or parent"],
      ["*", "Unfold siblings"],
      ["1 … 9", "Fold to levels"],
      ["C", "Fold all but the path here"],
      ["e E", "Next, previous error"],
      ["n N", "Next, previous match"],
      ["p", "Parent"],
      ["c", "Where the time went"],
      ["v l j", "Next view, logs, raw"],
      ["Enter Esc", "Open, close the details"],
    ],
  },
  {
    title: "Time axis of a trace",
    keys: [
      ["w s", "Zoom in, out"],
      ["a d", "Move"],
      ["z", "Zoom to the span"],
      ["0", "Whole trace"],
    ],
  },
];

export function ShortcutSheet({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onOpenChange={(next) => next || onClose()} title="Keyboard shortcuts" wide>
      <div className={css.sheet}>
        {GROUPS.map((group) => (
          <section key={group.title}>
            <h3>{group.title}</h3>
            <dl>
              {group.keys.map(([keys, what]) => (
                <div key={keys}>
                  <dt>{what}</dt>
                  <dd>
                    {keys.split(" ").map((key) => (key === "…" ? <span key={key}>…</span> : <kbd key={key}>{key}</kbd>))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
