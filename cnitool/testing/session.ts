/** cnitool on a machine of memory: what a command prints, and how it ends. */

import type { LibcniOptions } from "../../libcni/libcni.ts";
import { Memory } from "../../libcni/testing/memory.ts";
import type { Schema } from "../command.ts";
import { runCommand } from "../run.ts";

export class Tool {
  readonly memory = new Memory();
  readonly env: Record<string, string> = { NETCONFPATH: "/net.d", CNI_PATH: "/bin" };
  readonly schemas: Record<string, Schema> = {};
  readonly options: Partial<LibcniOptions> = {};

  /** Runs a command; the words are split at blanks. */
  async run(words: string): Promise<{ status: number; stdout: string; stderr: string }> {
    const printed: string[] = [];
    this.memory.stderr.length = 0;
    const status = await runCommand(words.split(" "), {
      env: this.env,
      machine: this.memory.machine,
      cni: this.memory.libcni(this.options),
      schemas: this.schemas,
      isTerminal: false,
      workingDirectory: "/home/me",
      print: (text) => void printed.push(text),
      interruption: { fd: -1, pending: () => 0 },
      wasInterrupted: () => false,
    });
    return { status, stdout: printed.join(""), stderr: this.memory.stderr.join("") };
  }

  /** Writes a list of plugins into NETCONFPATH. */
  network(name: string, plugins: readonly object[], more: object = {}): void {
    const list = { cniVersion: "1.1.0", name, plugins, ...more };
    this.memory.files[`/net.d/${name}.conflist`] = JSON.stringify(list);
  }
}
