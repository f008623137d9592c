// Calls of the API: one function for all of them, so that the token, the form of errors and the deadline stand in one place.

/** What went wrong, in the host's own words where it had any. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

/** What went wrong and what to do about it, in one line for a person. */
export function told(error: unknown): string {
  return error instanceof ApiError ? [error.message, error.hint].filter(Boolean).join(" · ") : String(error);
}

/** A call without an answer is given up after this. */
const PATIENCE_MS = 20_000;
/** A component is compiled and proved before the answer: as long as the host itself takes for it. */
const COMPILING_MS = 300_000;

let heldToken: () => string = () => "";

/** Says where the token comes from. */
export function useToken(token: () => string): void {
  heldToken = token;
}

export type Query = Record<string, string | number | boolean | readonly string[] | null | undefined>;

/** A path with its query; a list becomes the same name several times, null is left out. */
export function address(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === "") continue;
    if (Array.isArray(value)) {
      if (value.length > 0) parameters.set(name, value.join(","));
    } else parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === "" ? path : `${path}?${text}`;
}

async function call(method: string, path: string, query: Query, body: BodyInit | null, type: string | null, patienceMs = PATIENCE_MS): Promise<Response> {
  const headers = new Headers({ accept: "application/json" });
  const token = heldToken();
  if (token !== "") headers.set("authorization", `Bearer ${token}`);
  if (type !== null) headers.set("content-type", type);
  let response: Response;
  try {
    response = await fetch(address(path, query), { method, headers, body, signal: AbortSignal.timeout(patienceMs) });
  } catch (error) {
    throw new ApiError(0, "unreachable", error instanceof Error ? error.message : String(error), "");
  }
  if (response.ok) return response;
  const text = await response.text();
  try {
    const held = (JSON.parse(text) as { error?: { code?: string; message?: string; hint?: string } }).error ?? {};
    throw new ApiError(response.status, held.code ?? "error", held.message ?? text, held.hint ?? "");
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(response.status, "error", text.slice(0, 200) || response.statusText, "");
  }
}

async function json<T>(response: Response): Promise<T> {
  const text = await response.text();
  return (text === "" ? null : JSON.parse(text)) as T;
}

export const get = async <T>(path: string, query: Query = {}): Promise<T> => json<T>(await call("GET", path, query, null, null));

/** A change with a JSON body, or none. */
export async function send<T>(method: "POST" | "PUT" | "PATCH" | "DELETE", path: string, body?: unknown, query: Query = {}): Promise<T> {
  return json<T>(await call(method, path, query, body === undefined ? null : JSON.stringify(body), body === undefined ? null : "application/json"));
}

/** A change with a component. */
export async function upload<T>(method: "POST" | "PUT", path: string, bytes: Blob, query: Query = {}): Promise<T> {
  return json<T>(await call(method, path, query, bytes, "application/wasm", COMPILING_MS));
}

/** An answer kept as a file. */
export async function download(path: string, query: Query, name: string): Promise<void> {
  const response = await call("GET", path, query, null, null);
  save(await response.blob(), name);
}

/** Hands bytes to the browser as a file. */
export function save(bytes: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(bytes);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
