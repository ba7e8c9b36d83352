/** The texts of `--help`. */

import type { Command } from "./command.ts";
import type { Flag } from "./flags.ts";

const environment = `Environment:
  CNI_PATH      directories with the plugins' executables, separated by ":"
  NETCONFPATH   directory with the networks' configurations; default: /etc/cni/net.d
  CNI_ARGS      arguments for the plugins, as "KEY=VALUE;KEY=VALUE"
  CAP_ARGS      values for the plugins' capabilities, as a JSON object
  CNI_IFNAME    the interface's name in the container; default: eth0
`;

/** What cnitool is and which commands it has. */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `cnitool runs the CNI plugins of a network by hand, and tells what they do.

Usage:
  cnitool COMMAND [ARGUMENTS]

Commands:
${lines.join("\n")}

"cnitool COMMAND --help" tells more about a command.

${environment}`;
}

/** One command's help. */
export function helpOf({ name, usage, summary, details, flags }: Command): string {
  const labels = flags.map(labelOf);
  const width = Math.max(...labels.map((label) => label.length));
  const lines = flags.map(({ help }, index) => `  ${labels[index]?.padEnd(width)}  ${help}`);
  const more = details === undefined ? "" : `${details}\n\n`;
  return `cnitool ${name}: ${summary}

${more}Usage:
  cnitool ${[name, usage, "[FLAGS]"].filter((part) => part !== "").join(" ")}

Flags:
${lines.join("\n")}

${environment}`;
}

function labelOf({ name, short, value }: Flag): string {
  const first = short === undefined ? "    " : `-${short}, `;
  return `${first}--${name}${value === undefined ? "" : ` ${value}`}`;
}
