// Which questions are shown, and what stands against ending: what the server's rules/flow.py decides, said again for the time between two
// answers and for a reader without a network. The server decides once more when the response ends. Answers are those of the wire:
// {questionCode, choices | number | text | date | rows}.
import { holds } from "./condition.js";

const SINGLE = 1, MULTIPLE = 2, RATING = 3, TEXT = 4, DATE = 5, RANKING = 6, MATRIX = 7, PAIR = 8;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

// Returns the codes of the questions that are shown, and the values of their answers as conditions see them.
export function walk(questions, answers) {
  const values = new Map(), shown = [];
  for (const question of questions) {
    if (question.showIf && !holds(question.showIf, { answers: values })) continue;
    shown.push(question.code);
    const value = valueOf(question, answers[question.code]);
    if (value !== undefined) values.set(question.code, value);
  }
  return { shown, values };
}

// Returns [code, reason] of everything that stands against ending.
export function faults(questions, answers) {
  const { shown, values } = walk(questions, answers), found = [];
  for (const question of questions.filter((one) => shown.includes(one.code))) {
    const { code } = question, value = values.get(code);
    if (value === undefined) {
      if (isGiven(answers[code])) found.push([code, "ANSWER_INVALID"]);
      else if (question.required) found.push([code, "ANSWER_MISSING"]);
    } else if (question.required && question.kind >= MATRIX && value.size < question.rows.length) {
      found.push([code, "ANSWER_MISSING"]);
    } else if (question.validIf && !holds(question.validIf, { answers: values })) {
      found.push([code, "ANSWER_REFUSED"]);
    }
  }
  return found;
}

// Tells whether an answer has a value at all; one without takes an answer back.
function isGiven(answer) {
  if (!answer) return false;
  const { choices, number, text, date, rows } = answer;
  return Boolean(choices?.length || number !== undefined || hasWords(text) || date || rows?.length);
}

// Returns the value of an answer; undefined for none, and for what is no answer to this question.
function valueOf(question, answer) {
  if (!answer) return undefined;
  if (question.kind === RATING) return onScale(question, answer.number) ? BigInt(answer.number) : undefined;
  if (question.kind === TEXT) return hasWords(answer.text) ? answer.text : undefined;
  if (question.kind === DATE) return answer.date ? day(answer.date) : undefined;
  return question.kind === MATRIX || question.kind === PAIR ? rowsOf(question, answer.rows) : chosen(question, answer.choices);
}

// Space is what the server's Python takes for space: \s without the byte order mark, with four separators and the next-line sign.
function hasWords(text) {
  return typeof text === "string" && /[^\s\x1c-\x1f\x85]|\ufeff/.test(text);
}

function onScale(question, number) {
  const [low, high] = question.scale;
  return Number.isInteger(number) && low <= number && number <= high;
}

function chosen(question, choices) {
  if (!choices?.length || new Set(choices).size < choices.length) return undefined;
  if (!choices.every((code) => question.options.includes(code))) return undefined;
  if (question.kind === SINGLE) return choices.length === 1 ? choices[0] : undefined;
  if (question.kind === RANKING && choices.length < question.options.length) return undefined;
  return [SINGLE, MULTIPLE, RANKING].includes(question.kind) ? choices : undefined;
}

function rowsOf(question, rows) {
  if (!rows?.length || !rows.every((row) => question.rows.includes(row.code))) return undefined;
  const given = new Map(rows.map((row) => [row.code, row]));
  const numbers = [...given.values()].flatMap((row) => [row.number ?? 0, ...(question.kind === PAIR ? [row.expected ?? 0] : [])]);
  if (!numbers.every((number) => onScale(question, number))) return undefined;
  const number = (row) => BigInt(row.number ?? 0), expected = (row) => BigInt(row.expected ?? 0);
  const value = (row) => (question.kind === MATRIX ? number(row) : new Map([["perceived", number(row)], ["expected", expected(row)]]));
  return new Map([...given].map(([code, row]) => [code, value(row)]));
}

function day({ year, month, day: number }) {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const last = month === 2 && leap ? 29 : DAYS[month - 1];
  if (!(year >= 1 && year <= 9999 && number >= 1 && number <= last)) return undefined;
  return [String(year).padStart(4, "0"), String(month).padStart(2, "0"), String(number).padStart(2, "0")].join("-");
}
