// How the host does, in structure: what system:monitoring says in texts stands in the state that the stream brings.

import { get } from "./client";
import type { components } from "./schema";

type Shapes = components["schemas"];
export type Stage = Shapes["StageTimes"];
export type Heat = Shapes["Heat"];

/** Latency by stage since the start; empty where no host answers. */
export const stages = async (): Promise<Stage[]> => (await get<{ stages: Stage[] }>("/api/v1/system")).stages;
/** What stood in a pair's book over the last minutes. */
export const pastHeat = (pair: string, seconds: number): Promise<Heat> => get(`/api/v1/books/${encodeURIComponent(pair)}/heat`, { seconds });
