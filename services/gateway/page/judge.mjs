// Answers questions of the tests, a line of JSON each, by the very file that browsers are given (its path is the argument): what an
// expression is worth, and which questions of a questionnaire are shown. Values are tagged: {i: "3"}, {d: "0.5"}, {m: {…}}.
import fs from "node:fs";
import readline from "node:readline";
import vm from "node:vm";

vm.runInThisContext(fs.readFileSync(process.argv[2], "utf8"));
const rules = globalThis.marqueRules;

function read(told) {
  if (Array.isArray(told)) return told.map(read);
  if (told === null || typeof told !== "object") return told;
  if ("i" in told) return BigInt(told.i);
  if ("d" in told) return Number(told.d);
  return new Map(Object.entries(told.m).map(([key, value]) => [key, read(value)]));
}

function written(value) {
  if (typeof value === "bigint") return { i: String(value) };
  if (typeof value === "number") return { d: Object.is(value, -0) ? "-0" : String(value) };
  if (value !== null && typeof value === "object") return [...value].map(written);
  return value === undefined ? null : value;
}

function judged(asked) {
  if (asked.expression !== undefined) {
    const values = Object.fromEntries(Object.entries(asked.values).map(([key, value]) => [key, read(value)]));
    return { value: written(rules.evaluate(asked.expression, values)) };
  }
  return { shown: rules.shown(asked.questions, asked.answers), faults: rules.faults(asked.questions, asked.answers) };
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  let found;
  try {
    found = judged(JSON.parse(line));
  } catch (error) {
    found = { broken: String(error) };
  }
  process.stdout.write(JSON.stringify(found) + "\n");
}
