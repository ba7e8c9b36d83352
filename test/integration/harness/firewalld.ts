/** Debian's firewalld and its message bus, in a world of their own: neither knows of the machine's. */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { describe, type Running } from "./command.ts";
import type { Host } from "./host.ts";

/** What scripts/install-firewalld.sh made. */
const unpacked = resolve(import.meta.dirname, "../../../dist/firewalld");

/** For node:test's `skip`. */
export const withoutFirewalld =
  !existsSync(`${unpacked}/usr/sbin/firewalld`) &&
  "firewalld is missing (scripts/install-firewalld.sh)";

const busConfig = (
  auth: string,
) => `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>${auth}</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="false"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
`;

/** A message bus at the usual place, which knows its users by `auth`. */
export async function startBus(host: Host, auth = "EXTERNAL"): Promise<Running> {
  host.write("/run/work/bus.conf", busConfig(auth));
  await host.run("mkdir", "-p", "/run/dbus");
  const argv = ["dbus-daemon", "--config-file=/run/work/bus.conf", "--nofork", "--nopidfile"];
  const bus = host.start([...argv, "--print-address"], { deadlineMs: 120_000 });
  await bus.printed("unix:");
  return bus;
}

/** firewalld on that bus, once it answers. */
export async function startFirewalld(host: Host): Promise<Running> {
  const argv = ["/usr/bin/python3", `${unpacked}/usr/sbin/firewalld`, "--nofork", "--nopid"];
  const places = ["--default-config", `${unpacked}/usr/lib/firewalld`, "--system-config"];
  const log = ["/run/work/firewalld", "--log-file", "/run/work/firewalld.log"];
  const firewalld = host.start([...argv, ...places, ...log], { deadlineMs: 120_000 });
  for (let tries = 0; (await sourcesOf(host, "trusted")) === undefined; tries++) {
    if (tries === 100) {
      firewalld.kill("SIGKILL");
      throw new Error(describe(await firewalld.outcome));
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return firewalld;
}

/** A zone's sources, as firewalld tells them; undefined where it does not answer. */
export async function sourcesOf(host: Host, zone: string): Promise<string[] | undefined> {
  const service = "org.fedoraproject.FirewallD1";
  const to = [
    "--system",
    "--print-reply=literal",
    `--dest=${service}`,
    "/org/fedoraproject/FirewallD1",
  ];
  const argv = ["dbus-send", ...to, `${service}.zone.getSources`, `string:${zone}`];
  const { status, stdout } = await host.start(argv).outcome;
  return status === 0 ? (stdout.match(/[0-9a-f.:]+\/\d+/g) ?? []) : undefined;
}
