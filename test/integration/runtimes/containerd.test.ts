/** containerd drives our plugins: `ctr run --cni` by go-cni, and pods by its CRI plugin. */

import assert from "node:assert/strict";
import test from "node:test";
import { callCri, type Fields, type Message, messageOf, textOf } from "./cri.ts";
import { image, type Machine, withMachine, without } from "./machine.ts";

const skip = without("containerd", "ctr");

const socket = "/run/containerd.sock";

const settings = `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
  disable_cgroup = true
  disable_apparmor = true
  restrict_oom_score_adj = true
  sandbox_image = "${image}"
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  BinaryName = "/run/oci-runtime"
`;

/** The usual chain; what comes first hands out the addresses. */
const network = {
  cniVersion: "1.0.0",
  name: "pods",
  plugins: [
    {
      type: "bridge",
      isDefaultGateway: true,
      ipMasq: true,
      ipam: {
        type: "host-local",
        ranges: [[{ subnet: "10.5.0.0/16" }], [{ subnet: "fd00:5::/64" }]],
      },
    },
    { type: "portmap", capabilities: { portMappings: true } },
    { type: "firewall" },
    { type: "tuning" },
    { type: "bandwidth", capabilities: { bandwidth: true } },
  ],
};

const ctr = ["ctr", "--address", socket, "--namespace", "k8s.io"];

function withContainerd(steps: (machine: Machine) => Promise<void>): Promise<void> {
  return withMachine(async (machine) => {
    machine.write("/run/containerd.toml", settings);
    machine.write("/etc/cni/net.d/10-pods.conflist", network);
    machine.start(["containerd", "--config", "/run/containerd.toml"]);
    await machine.until("containerd answers", async () => {
      return (await machine.start([...ctr, "version"]).outcome).status === 0;
    });
    await machine.run(...ctr, "images", "import", "--snapshotter", "native", "/run/image.tar");
    await steps(machine);
  });
}

/** The plugins of ours that ran for a verb, in the order in which they ended. */
function called(machine: Machine, verb: string): string[] {
  const calls = machine.calls();
  assert.ok(!calls.some((call) => call.endsWith("failed")), calls.join("\n"));
  return calls.filter((call) => call.endsWith(` ${verb}`)).map((call) => call.split(" ")[0] ?? "");
}

test("ctr run --cni: containers reach each other and the gateway; nothing is left", { skip }, () =>
  withContainerd(async (machine) => {
    const flags = ["--rm", "--cni", "--snapshotter", "native", "--runc-binary", "/run/oci-runtime"];
    const running = ["a", "b"].map((name) =>
      machine.start([
        ...ctr,
        "run",
        ...flags,
        "--cap-add",
        "CAP_NET_RAW",
        image,
        name,
        "/bin/sleep",
        "1000",
      ]),
    );
    const execute = (name: string, ...argv: string[]) =>
      machine.start([...ctr, "task", "exec", "--exec-id", `x${Math.random()}`, name, ...argv])
        .outcome;
    const addresses: Record<string, string> = {};
    for (const name of ["a", "b"]) {
      await machine.until(`${name} has an address`, async () => {
        const { stdout } = await execute(name, "/bin/ip", "-4", "addr", "show", "eth0");
        addresses[name] = /inet (10\.5\.0\.\d+)/.exec(stdout)?.[1] ?? "";
        return addresses[name] !== "";
      });
    }
    for (const address of [addresses.b ?? "", "10.5.0.1", "fd00:5::1"]) {
      const { status, stdout, stderr } = await execute("a", "/bin/ping", "-c1", "-W5", address);
      assert.equal(status, 0, `${stdout}${stderr}`);
    }
    assert.notDeepEqual(await machine.leftovers(), []);
    // One after the other: the reference's firewall, which is in the chain, leaves rules when two DELs meet.
    for (const [index, name] of ["a", "b"].entries()) {
      await machine.run(...ctr, "task", "kill", "-s", "SIGKILL", name);
      await running[index]?.outcome;
    }
    assert.deepEqual(await machine.leftovers(), []);
    assert.equal(called(machine, "ADD").filter((plugin) => plugin === "bridge").length, 2);
    assert.equal(called(machine, "DEL").filter((plugin) => plugin === "bridge").length, 2);
  }),
);

/** A pod by the runtime interface, with one container in it. */
class Pod {
  readonly id: string;
  readonly address: string;
  readonly #container: string;
  readonly #call: Call;

  private constructor(call: Call, id: string, address: string, container: string) {
    this.#call = call;
    this.id = id;
    this.address = address;
    this.#container = container;
  }

  static async run(
    call: Call,
    name: string,
    hostPort: number,
    annotations: Readonly<Record<string, string>> = {},
  ): Promise<Pod> {
    const metadata = { 1: name, 2: `uid-${name}`, 3: "default" };
    const notes = Object.entries(annotations).map(([key, value]) => ({ 1: key, 2: value }));
    const ports = [{ 2: 80, 3: hostPort }];
    const config = { 1: metadata, 2: name, 3: "/run/log", 5: ports, 7: notes, 8: {} };
    const id = textOf(await call("RunPodSandbox", { 1: config }), 1);
    const status = messageOf(await call("PodSandboxStatus", { 1: id }), 1);
    const netRaw = { 2: { 1: { 1: ["NET_RAW"] } } };
    const container = {
      1: { 1: "main" },
      2: { 1: image },
      3: ["/bin/sleep", "1000"],
      11: "log",
      15: netRaw,
    };
    const made = textOf(await call("CreateContainer", { 1: id, 2: container, 3: config }), 1);
    await call("StartContainer", { 1: made });
    return new Pod(call, id, textOf(messageOf(status, 5), 1), made);
  }

  async execute(...argv: string[]): Promise<void> {
    const answer = await this.#call("ExecSync", { 1: this.#container, 2: argv, 3: 10 });
    const [status = 0] = answer.get(3) ?? [];
    assert.equal(status, 0, `${argv.join(" ")}: ${textOf(answer, 1)}${textOf(answer, 2)}`);
  }

  async remove(): Promise<void> {
    await this.#call("StopPodSandbox", { 1: this.id });
    await this.#call("RemovePodSandbox", { 1: this.id });
  }
}

type Call = (method: string, request: Message) => Promise<Fields>;

/** The token buckets of the machine: bytes a second, and bytes at once. */
async function buckets(machine: Machine): Promise<string[]> {
  const list: { kind: string; dev: string; options: { rate: number; burst: number } }[] =
    JSON.parse(await machine.run("tc", "-j", "qdisc", "show"));
  return list
    .filter(({ kind }) => kind === "tbf")
    .map(({ dev, options: { rate, burst } }) => `${dev.slice(0, 3)} ${rate} ${burst}`)
    .sort();
}

test("a pod with annotations is limited, with a burst that fits; nothing is left", { skip }, () =>
  withContainerd(async (machine) => {
    const call: Call = (method, request) => callCri(machine.outside(socket), method, request);
    const pod = await Pod.run(call, "a", 8080, {
      "kubernetes.io/ingress-bandwidth": "80M",
      "kubernetes.io/egress-bandwidth": "40M",
    });
    // containerd asks for a burst of 4294967295 bits.
    assert.deepEqual(await buckets(machine), ["bwp 5000000 250000", "vet 10000000 500000"]);
    await pod.execute("/bin/ping", "-c1", "-W5", "10.5.0.1");
    assert.ok(called(machine, "ADD").includes("bandwidth"));
    await pod.remove();
    assert.ok(called(machine, "DEL").includes("bandwidth"));
    assert.deepEqual(await machine.leftovers(), []);
  }),
);

test("pods by CRI: network, published port, removal; nothing is left", { skip }, () =>
  withContainerd(async (machine) => {
    const call: Call = (method, request) => callCri(machine.outside(socket), method, request);
    const a = await Pod.run(call, "a", 8080);
    const b = await Pod.run(call, "b", 8081);
    assert.deepEqual([a.address, b.address], ["10.5.0.2", "10.5.0.3"]);
    for (const address of [b.address, "10.5.0.1", "fd00:5::1", "127.0.0.1"]) {
      await a.execute("/bin/ping", "-c1", "-W5", address);
    }
    await b.execute("/bin/httpd", "-p", "80", "-h", "/etc");
    await machine.until("the published port answers", () => machine.answers("10.5.0.1", 8081));
    assert.deepEqual(
      new Set(called(machine, "ADD")),
      new Set(["loopback", "host-local", "bridge", "portmap", "firewall", "tuning", "bandwidth"]),
    );
    assert.notDeepEqual(await machine.leftovers(), []);
    await a.remove();
    await b.execute("/bin/ping", "-c1", "-W5", "10.5.0.1");
    await b.remove();
    assert.deepEqual(await machine.leftovers(), []);
    assert.ok(called(machine, "DEL").includes("portmap"));
  }),
);
