/** Lets a world say which machine it is, and which boot this is. */

import { existsSync } from "node:fs";
import type { Host } from "./harness/host.ts";

export interface Identity {
  setMachine(n: number): void;
  setBoot(n: number): void;
}

const folder = "/run/identity";

/** Takes the place of the kernel's boot_id and of /etc/machine-id: the first boot of the first machine. */
export async function pretend(host: Host): Promise<Identity> {
  const identity: Identity = {
    setMachine: (n) => void host.write(`${folder}/machine`, `${String(n).repeat(32)}\n`),
    setBoot: (n) => {
      const last = String(n).padStart(12, "0");
      host.write(`${folder}/boot`, `00000000-0000-4000-8000-${last}\n`);
    },
  };
  identity.setMachine(1);
  identity.setBoot(1);
  if (!existsSync("/etc/machine-id")) {
    // There is nothing to mount on, and /etc is not this world's own.
    await host.run("cp", "-a", "/etc", "/run/etc");
    host.write("/run/etc/machine-id", "");
    await host.run("mount", "--bind", "/run/etc", "/etc");
  }
  await host.run("mount", "--bind", `${folder}/machine`, "/etc/machine-id");
  await host.run("mount", "--bind", `${folder}/boot`, "/proc/sys/kernel/random/boot_id");
  return identity;
}
