/** Packets as they pass, by tcpdump. */

import type { Host } from "./host.ts";

/** Where to listen, and to what. */
export interface Listening {
  /** A namespace, or "" for the host's; all its interfaces, also those that come. */
  readonly netns: string;
  /** pcap-filter(7). */
  readonly filter: string;
}

/** Runs the steps; then what passed must hold every text, or comes to within the harness's patience. */
export async function hears(
  host: Host,
  { netns, filter }: Listening,
  texts: readonly string[],
  steps: () => Promise<void>,
): Promise<void> {
  const argv = ["tcpdump", "-l", "-n", "-t", "-i", "any", filter];
  const options = netns === "" ? {} : { netns };
  const tcpdump = host.start(["sh", "-c", 'exec "$@" 2>&1', "sh", ...argv], options);
  try {
    await tcpdump.printed("listening on");
    await steps();
    for (const text of texts) await tcpdump.printed(text);
  } finally {
    tcpdump.kill("SIGKILL");
    await tcpdump.outcome;
  }
}
