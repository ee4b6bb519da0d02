const AFFIX_SHARE = 0.7;
const AFFIX_NAMES_MIN = 4;

/** Cuts off the beginning and the ending that most of the services share: `ts-order-service` among its kind is `order`. */
export function nameCutter(services: readonly string[]): (name: string) => string {
  const prefix = mostShared(services, (name) => /^[^-._/]+[-._/]/.exec(name)?.[0]);
  const suffix = mostShared(services, (name) => /[-._/][^-._/]+$/.exec(name)?.[0]) || mostShared(services, (name) => /service$/i.exec(name)?.[0]);
  return (name) => {
    let rest = prefix && name.startsWith(prefix) ? name.slice(prefix.length) : name;
    if (suffix && rest.endsWith(suffix)) rest = rest.slice(0, -suffix.length);
    return rest === "" ? name : rest;
  };
}

/** Short names of services for tight places, by their whole names; names stay distinct. The whole name belongs into the title. */
export function shortServiceNames(services: readonly string[]): Map<string, string> {
  const names = [...new Set(services)];
  const cut = nameCutter(names);
  const counts = new Map<string, number>();
  for (const name of names) counts.set(cut(name), (counts.get(cut(name)) ?? 0) + 1);
  return new Map(names.map((name) => [name, counts.get(cut(name)) === 1 ? cut(name) : name]));
}

function mostShared(names: readonly string[], part: (name: string) => string | undefined): string {
  if (names.length < AFFIX_NAMES_MIN) return "";
  const counts = new Map<string, number>();
  for (const name of names) {
    const found = part(name);
    if (found) counts.set(found, (counts.get(found) ?? 0) + 1);
  }
  const [best, count] = [...counts].toSorted((a, b) => b[1] - a[1])[0] ?? ["", 0];
  return count >= names.length * AFFIX_SHARE ? best : "";
}
