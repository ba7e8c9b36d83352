/** Lets a test say which machine this is and which boot, in a mount namespace of its own. */

import { OpenFlag, openFile, writeAll } from "../../../pkg/sys/file.ts";
import { call } from "../../../pkg/sys/syscall.ts";
import { Scratch } from "../../../pkg/sys/testing/scratch.ts";
import { encode } from "../../../pkg/sys/text.ts";

/** CLONE_NEWNS, linux/sched.h; MS_* and MNT_DETACH, linux/mount.h */
const newMounts = 0x20000;
const mountFlags = { bind: 0x1000, recursive: 0x4000, private: 0x40000 } as const;

const bootIdPath = "/proc/sys/kernel/random/boot_id";
const machineIdPath = "/etc/machine-id";

let isPrivate = false;

/** Two files over those of the kernel and the system; needs root. */
export class Boots implements Disposable {
  readonly #scratch = new Scratch();
  #count = 0;

  constructor() {
    if (!isPrivate) {
      call("unshare", newMounts);
      mount("none", "/", mountFlags.recursive | mountFlags.private);
      isPrivate = true;
    }
    for (const [name, path] of Object.entries({ boot: bootIdPath, machine: machineIdPath })) {
      this.#write(name, "");
      mount(`${this.#scratch.path}/${name}`, path, mountFlags.bind);
    }
    this.setMachine("1");
    this.reboot();
  }

  reboot(): void {
    this.#count++;
    this.setBoot(`00000000-0000-4000-8000-${String(this.#count).padStart(12, "0")}`);
  }

  setBoot(id: string): void {
    this.#write("boot", `${id}\n`);
  }

  /** Becomes the machine with a digit as its number; "" for one that has none. */
  setMachine(digit: string): void {
    this.#write("machine", digit === "" ? "uninitialized\n" : `${digit.repeat(32)}\n`);
  }

  [Symbol.dispose](): void {
    for (const path of [bootIdPath, machineIdPath]) call("umount2", path, 0);
    this.#scratch[Symbol.dispose]();
  }

  #write(name: string, text: string): void {
    const flags = OpenFlag.writeOnly | OpenFlag.create | OpenFlag.truncate;
    using file = openFile(`${this.#scratch.path}/${name}`, flags, 0o600);
    writeAll(file, encode(text));
  }
}

function mount(source: string, target: string, flags: number): void {
  call("mount", source, target, null, flags, null);
}
