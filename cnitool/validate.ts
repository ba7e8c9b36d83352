/** validate: says what is wrong with configurations before a container has to find out. */

import { parseList, parsePlugin, reasonOf, toList } from "../libcni/config.ts";
import { type JsonNode, readTree } from "../libcni/json-tree.ts";
import { JsonSyntaxError } from "../pkg/cni/json-syntax.ts";
import { checkNetworkName } from "../pkg/cni/names.ts";
import { splitPath } from "../pkg/invoke/lookup.ts";
import { checkChain, ipamTypeOf, knownTypes, type Link } from "./check/chain.ts";
import { checkDeclared } from "./check/declared.ts";
import {
  type Finding,
  findDuplicates,
  memberOf,
  type Report,
  reportsOf,
  textOf,
} from "./check/finding.ts";
import { checkNeighbours, type Neighbour } from "./check/neighbours.ts";
import { checkSchema } from "./check/schema.ts";
import { checkValues } from "./check/values.ts";
import { type Command, commonFlags, jsonFlag, type Session } from "./command.ts";
import { absolutePath } from "./container-id.ts";
import { didYouMean } from "./suggest.ts";
import { printJson } from "./table.ts";

export const validate: Command = {
  name: "validate",
  usage: "FILE...",
  summary: "says what is wrong with configurations, line by line",
  details: [
    "Looks at the JSON, at every key of the plugins of this suite, at the chain as a whole, and, where CNI_PATH is",
    "set, for the plugins. Ends with status 1 if there is an error, or a warning with --strict.",
  ].join("\n"),
  leastArgs: 1,
  flags: [...commonFlags, { name: "strict", help: "counts warnings as errors" }, jsonFlag],
  async run(line, session) {
    const reports: Report[] = [];
    for (const file of line.args) reports.push(...(await validateFile(file, session)));
    if (line.flags.has("json")) session.print(printJson(reports));
    else session.print(reports.map(showReport).join("") || "nothing is wrong\n");
    const isFatal = ({ severity }: Report) =>
      severity === "error" || (severity === "warning" && line.flags.has("strict"));
    return reports.some(isFatal) ? 1 : 0;
  },
};

function showReport({ file, line, column, severity, message }: Report): string {
  return `${file}:${line}:${column}: ${severity}: ${message}\n`;
}

async function validateFile(file: string, session: Session): Promise<Report[]> {
  const text = await session.machine.readText(file);
  return reportsOf(file, text, await findingsOf(file, text, session));
}

async function findingsOf(file: string, text: string, session: Session): Promise<Finding[]> {
  let tree: JsonNode;
  try {
    tree = readTree(text);
  } catch (error) {
    const offset = error instanceof JsonSyntaxError ? error.offset : 0;
    return [{ severity: "error", offset, message: reasonOf(error) }];
  }
  const isList = file.endsWith(".conflist") || memberOf(tree, "plugins") !== undefined;
  const links = isList ? linksOf(tree) : linkOf(tree);
  const own = isList ? "conflist.json" : `${links[0]?.type ?? ""}.json`;
  const findings = [
    ...findDuplicates(tree),
    ...checkSchema(session.schemas, own, tree),
    ...checkName(tree),
    ...(isList ? checkExtension(file, tree) : []),
    ...checkChain(links),
    ...links.flatMap((link) => checkValues(link, textOf(memberOf(tree, "cniVersion")) ?? "")),
    ...checkDeclared(tree, links, session.schemas),
    ...checkNeighbours(tree, links, await neighboursOf(file, session)),
    ...(await checkTypes(links, session)),
  ];
  const reason = refusalOf(text, isList);
  const isTold = findings.some(({ severity }) => severity === "error");
  if (reason === undefined || isTold) return findings;
  return [...findings, { severity: "error", offset: tree.start, message: reason }];
}

/** The other networks of the directory, as far as they can be read: each is validated by itself. */
async function neighboursOf(file: string, { machine, workingDirectory }: Session) {
  const own = absolutePath(file, workingDirectory);
  const directory = own.slice(0, own.lastIndexOf("/")) || "/";
  const neighbours: Neighbour[] = [];
  const names = await namesIn([directory], machine);
  for (const name of names.sort()) {
    const path = `${directory}/${name}`;
    if (path === own || !/\.(conflist|conf|json)$/.test(name)) continue;
    try {
      const tree = readTree(await machine.readText(path));
      const links = memberOf(tree, "plugins") === undefined ? linkOf(tree) : linksOf(tree);
      neighbours.push({ file: name, name: textOf(memberOf(tree, "name")) ?? "", links });
    } catch {
      // Not JSON, or not to be read.
    }
  }
  return neighbours;
}

/** Why libcni would not load it; what the checks above have told already is not told again. */
function refusalOf(text: string, isList: boolean): string | undefined {
  try {
    if (isList) parseList(text);
    else toList(parsePlugin(text), text);
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

function linksOf(tree: JsonNode): Link[] {
  const plugins = memberOf(tree, "plugins");
  return plugins?.kind === "list" ? plugins.items.flatMap(linkOf) : [];
}

function linkOf(node: JsonNode): Link[] {
  const type = textOf(memberOf(node, "type"));
  return type === undefined ? [] : [{ type, node }];
}

/** The name becomes part of paths: of the drop-in directory, of the cache, of IPAM's files. */
function checkName(tree: JsonNode): Finding[] {
  const node = memberOf(tree, "name");
  const name = textOf(node);
  if (node === undefined || name === undefined) {
    return node === undefined
      ? [{ severity: "error", offset: tree.start, message: `"name" is missing` }]
      : [];
  }
  try {
    checkNetworkName(name);
    return [];
  } catch (error) {
    return [{ severity: "error", offset: node.start, message: reasonOf(error) }];
  }
}

function checkExtension(file: string, tree: JsonNode): Finding[] {
  if (file.endsWith(".conflist")) return [];
  const message =
    "a list of plugins is found in .conflist files only: runtimes will not load this one";
  return [{ severity: "error", offset: tree.start, message }];
}

/** Whether the plugins are there, those for addresses too; without CNI_PATH only whether the names are known ones. */
async function checkTypes(links: readonly Link[], { env, machine }: Session): Promise<Finding[]> {
  const directories = splitPath(env.CNI_PATH ?? "");
  const findings: Finding[] = [];
  for (const link of links) {
    const ipam = memberOf(memberOf(link.node, "ipam"), "type");
    const named: [string, JsonNode | undefined][] = [
      [link.type, memberOf(link.node, "type")],
      [ipamTypeOf(link), ipam],
    ];
    for (const [type, node] of named) {
      if (type === "" || node === undefined) continue;
      const installed = await namesIn(directories, machine);
      if (installed.includes(type)) continue;
      if (directories.length === 0 && knownTypes.includes(type)) continue;
      const hint = didYouMean(type, [...installed, ...knownTypes]);
      const isMissing = directories.length > 0;
      findings.push({
        severity: isMissing ? "error" : "warning",
        offset: node.start,
        message: isMissing
          ? `there is no plugin "${type}" in ${directories.join(":")}${hint}`
          : `"${type}" is no plugin of this suite${hint}`,
      });
    }
  }
  return findings;
}

async function namesIn(
  directories: readonly string[],
  machine: Session["machine"],
): Promise<string[]> {
  const names: string[] = [];
  for (const directory of directories) {
    try {
      names.push(...(await machine.listFiles(directory)));
    } catch {
      // As the search for a plugin: a directory that cannot be looked into is passed over.
    }
  }
  return names;
}
