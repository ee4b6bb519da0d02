// The built module lies in `<base>/assets/`; in development modules lie anywhere below "/".
const here = import.meta.url;

/** Path of the application, with a slash at the end: `/`, or the sub-path it is served under. */
export const BASE_PATH = import.meta.env.DEV ? "/" : new URL("..", here).pathname;
