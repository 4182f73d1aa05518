// Conditions of the platform's CEL subset, by the ECMAScript engine of those who wrote the other official ones. The server checked each
// before it was kept; what this adds to the engine are only the places where JavaScript's strings are not those of CEL.
import { CelScalar, celEnv, celFunc, isCelError, parse, plan } from "@bufbuild/cel";

const { BOOL, STRING } = CelScalar;

// JavaScript compares strings by units of UTF-16, CEL by code points: "\uffff" < "😀" only here.
function compare(left, right) {
  const ours = left[Symbol.iterator](), theirs = right[Symbol.iterator]();
  for (;;) {
    const one = ours.next(), other = theirs.next();
    if (one.done || other.done) return Number(other.done ?? false) - Number(one.done ?? false);
    const difference = one.value.codePointAt(0) - other.value.codePointAt(0);
    if (difference) return difference;
  }
}

const ordered = (name, judge) => celFunc(name, [STRING, STRING], BOOL, (left, right) => judge(compare(left, right)));
const environment = celEnv({
  funcs: [
    ordered("_<_", (order) => order < 0),
    ordered("_<=_", (order) => order <= 0),
    ordered("_>_", (order) => order > 0),
    ordered("_>=_", (order) => order >= 0),
  ],
});
const planned = new Map();

// Returns the value of an expression; undefined where it has none, because a field that it reads is absent or a number overflows.
export function evaluate(text, values) {
  if (!planned.has(text)) planned.set(text, plan(environment, parse(text)));
  const found = planned.get(text)(values);
  return isCelError(found) ? undefined : found;
}

// Tells whether a condition holds; one without a value does not.
export function holds(text, values) {
  return evaluate(text, values) === true;
}
