/** A machine with one network: calls the plugin as a runtime would, and looks at what it left on disk. */

import { toCniError } from "../../../pkg/cni/error.ts";
import { perform } from "../../../pkg/skel/perform.ts";
import {
  OpenFlag,
  openDirectory,
  openFile,
  readText,
  unlink,
  writeAll,
} from "../../../pkg/sys/file.ts";
import { Scratch } from "../../../pkg/sys/testing/scratch.ts";
import { encode } from "../../../pkg/sys/text.ts";
import { hostLocal } from "../host-local.ts";
import { listReserved } from "../store/reservation.ts";

/** How a call differs from the ordinary one. */
export interface CallOptions {
  ifName?: string;
  args?: string;
  cniVersion?: string;
  netns?: string;
  /** Readable when the runtime wants the call to end. */
  cancelFd?: number;
  /** Takes the output in the runtime's place. */
  print?: (text: string) => void;
  /** Keys beside `ipam`. */
  more?: Record<string, unknown>;
}

export interface Failure {
  code: number;
  message: string;
  details: string | undefined;
}

const ipamDefault = { subnet: "10.1.0.0/24" };

export class Machine implements Disposable {
  readonly #scratch = new Scratch();
  readonly dataDir = `${this.#scratch.path}/networks`;
  readonly path = `${this.dataDir}/net`;
  readonly sidePath = `${this.dataDir}/.tscni/net`;
  readonly indexRoot = `${this.sidePath}/owners`;
  readonly scratchPath = this.#scratch.path;
  readonly lines: string[] = [];
  /** The `ipam` section, less type and dataDir. */
  ipam: Record<string, unknown>;

  constructor(ipam: Record<string, unknown> = ipamDefault) {
    this.ipam = { ...ipam };
  }

  /** The addresses that ADD gives, with their prefix lengths. */
  add(containerId: string, options: CallOptions = {}): string[] {
    const result = JSON.parse(this.call("ADD", containerId, options)) as {
      ips: { address: string }[];
    };
    return result.ips.map(({ address }) => address);
  }

  check(containerId: string, options: CallOptions = {}): void {
    this.call("CHECK", containerId, options);
  }

  del(containerId: string, options: CallOptions = {}): void {
    this.call("DEL", containerId, options);
  }

  gc(valid: { containerID: string; ifname: string }[], key = "cni.dev/valid-attachments"): void {
    const more = { [key]: valid };
    this.call("GC", "", { cniVersion: "1.1.0", more });
  }

  status(): void {
    this.call("STATUS", "", { cniVersion: "1.1.0" });
  }

  /** What the plugin prints. Throws what it throws. */
  call(verb: string, containerId: string, options: CallOptions = {}): string {
    const { ifName = "eth0", args = "", cniVersion = "1.0.0", cancelFd = -1, more = {} } = options;
    const { netns = "/no/such/netns" } = options;
    let stdout = "";
    const ipam = { type: "host-local", dataDir: this.dataDir, ...this.ipam };
    perform(hostLocal, {
      env: {
        CNI_COMMAND: verb,
        CNI_CONTAINERID: containerId,
        CNI_IFNAME: ifName,
        CNI_NETNS: netns,
        CNI_PATH: "/opt/cni/bin",
        CNI_ARGS: args,
      },
      readStdin: () => JSON.stringify({ cniVersion, name: "net", type: "bridge", ipam, ...more }),
      builtIn: [],
      cancelFd: () => cancelFd,
      checkInterrupted: () => {},
      print:
        options.print ??
        ((text) => {
          stdout += text;
        }),
      log: (line) => {
        this.lines.push(line);
      },
      netnsChecked: true,
    });
    return stdout;
  }

  /** The error that a call ends with. */
  failure(act: () => unknown): Failure {
    try {
      act();
    } catch (error) {
      const { code, message, details } = toCniError(error);
      return { code, message, details };
    }
    throw new Error("expected a failure");
  }

  /** The addresses with a reservation file. */
  reserved(): string[] {
    using directory = openDirectory(this.path);
    return listReserved(directory).sort();
  }

  read(name: string): string {
    return readText(`${this.path}/${name}`);
  }

  /** Writes a file as another tool would: whatever was there is overwritten in place. */
  write(name: string, content: string): void {
    openDirectory(this.path, 0o700).close();
    const flags = OpenFlag.writeOnly | OpenFlag.create | OpenFlag.truncate;
    using file = openFile(`${this.path}/${name}`, flags, 0o600);
    writeAll(file, encode(content));
  }

  remove(name: string): void {
    unlink(`${this.path}/${name}`);
  }

  [Symbol.dispose](): void {
    this.#scratch[Symbol.dispose]();
  }
}
