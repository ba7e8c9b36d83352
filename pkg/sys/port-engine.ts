/** The port inside the executables: the engine's global is the port. */

import type { Port } from "./port.ts";

declare const engine: Port;

export const port: Port = engine;
