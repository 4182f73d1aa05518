// What the page's script finds once this has come, some time after the questions: window.marqueRules.
import { evaluate } from "./condition.js";
import { faults, walk } from "./flow.js";

globalThis.marqueRules = { evaluate, faults, shown: (questions, answers) => walk(questions, answers).shown };
