// Does what a list of jobs (JSON on standard input) asks of the page's puzzles, and prints the results.

import { readFileSync } from "node:fs";

import { Dice } from "../hrm/page/static/js/puzzles/random.js";
import { fromLink, puzzleOf, toLink } from "../hrm/page/static/js/puzzles/registry.js";

const actions = {
  judge: (task, { puzzle, answers, shape }) =>
    answers.map((a) => task.judge(Uint8Array.from(puzzle), Uint8Array.from(a), shape).name),
  contradictions: (task, { puzzle, answers }) =>
    answers.map((a) => [...task.contradictions(Uint8Array.from(puzzle), Uint8Array.from(a))]),
  random: (task, { shape, settings, seed }) => [...task.random(shape, settings, new Dice(seed))],
  link: (task, { puzzle, shape }) => {
    const text = toLink(task, Uint8Array.from(puzzle), shape);
    return { text, cells: [...task.parse(fromLink(text)).cells] };
  },
  parse: (task, { text }) => {
    try {
      return [...task.parse(text).cells];
    } catch (error) {
      return error.message;
    }
  },
};

const jobs = JSON.parse(readFileSync(0, "utf8"));
const results = jobs.map(({ action, task, shape, ...values }) =>
  actions[action](puzzleOf(task, shape), { shape, ...values }),
);
console.log(JSON.stringify(results));
